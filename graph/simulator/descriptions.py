"""Every endpoint in a sentence, in English and in Chinese, under the name that WeChat's own documents give it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

# WeChat's nearest server, and the one that clients go to when it fails.
HOSTS: Final = ("api.weixin.qq.com", "api2.weixin.qq.com")


class Described(NamedTuple):
    """What an endpoint does; on the phone's side method and path are name enough."""

    english: str
    chinese: str
    method: str = ""
    name: str = ""


# By path.
OF_WECHAT: Final[Mapping[str, Described]] = {
    "/sns/jscode2session": Described(
        "A login code becomes openid, session_key and perhaps unionid.",
        "登录 code 换取 openid、session_key 及 unionid。",
        "GET",
        "code2Session",
    ),
    "/cgi-bin/token": Described(
        "An access token; the one before it works for five minutes more.",
        "获取 access_token，旧的五分钟后失效。",
        "GET",
        "getAccessToken",
    ),
    "/cgi-bin/stable_token": Described(
        "The same access token until it expires, unless it is forced.",
        "获取稳定版 access_token，到期或强制时才更新。",
        "POST",
        "getStableAccessToken",
    ),
    "/cgi-bin/getcallbackip": Described(
        "The addresses that WeChat pushes from.", "获取微信推送服务器的 IP。", "GET", "getCallbackIp"
    ),
    "/cgi-bin/clear_quota": Described(
        "The day's counts of calls begin anew.", "清空当日接口调用次数。", "POST", "clearQuota"
    ),
    "/cgi-bin/openapi/quota/get": Described(
        "How many calls of an endpoint are left today.", "查询接口当日剩余调用次数。", "POST", "getApiQuota"
    ),
    "/cgi-bin/message/subscribe/send": Described(
        "Sends a subscription message.", "发送订阅消息。", "POST", "sendMessage"
    ),
    "/wxa/checksession": Described("Is this session_key still valid?", "检验登录态。", "GET", "checkSessionKey"),
    "/wxa/resetusersessionkey": Described(
        "A new session_key in place of the present one.", "重置登录态。", "GET", "resetUserSessionKey"
    ),
    "/wxa/business/getuserphonenumber": Described(
        "A code of the phone button becomes a phone number.", "手机号 code 换取手机号。", "POST", "getPhoneNumber"
    ),
    "/wxa/business/checkencryptedmsg": Described(
        "Did WeChat encrypt this within three days?", "检查加密信息是否由微信生成。", "POST", "checkEncryptedData"
    ),
    "/wxa/business/getuserencryptkey": Described(
        "The user's last three encryption keys.", "获取用户最近三次的加密 key。", "GET", "getUserEncryptKey"
    ),
    "/wxa/getpluginopenpid": Described(
        "A plugin's login code becomes an openpid.", "插件登录 code 换取 openpid。", "POST", "getPluginOpenPId"
    ),
    "/wxa/getpaidunionid": Described(
        "The unionid of a user who has just paid.", "支付后获取 unionid。", "GET", "getPaidUnionid"
    ),
    "/wxa/msg_sec_check": Described("Checks a text.", "文本内容安全识别。", "POST", "msgSecCheck"),
    "/wxa/media_check_async": Described(
        "Checks a picture; the result comes by an event.",
        "多媒体内容安全识别，结果由事件推送。",
        "POST",
        "mediaCheckAsync",
    ),
    "/wxa/img_sec_check": Described("Checks a picture at once.", "图片内容安全识别。", "POST", "imgSecCheck"),
    "/wxa/getuserriskrank": Described(
        "How risky a user is, from 0 to 4.", "获取用户安全等级（0 到 4）。", "POST", "getUserRiskRank"
    ),
    "/wxa/getwxacodeunlimit": Described(
        "The picture of a mini-program code.", "获取不限制的小程序码。", "POST", "getUnlimitedQRCode"
    ),
    "/wxa/generatescheme": Described(
        "A link that opens the mini-program, weixin://.", "获取 scheme 码。", "POST", "generateScheme"
    ),
    "/wxa/generate_urllink": Described(
        "A link that opens the mini-program, https://.", "获取 URL Link。", "POST", "generateUrlLink"
    ),
    "/wxaapi/newtmpl/gettemplate": Described(
        "The templates of subscription messages.", "获取订阅消息模板列表。", "GET", "getMessageTemplateList"
    ),
}

# By method and path.
OF_DEVICE: Final[Mapping[tuple[str, str], Described]] = {
    ("POST", "/device/login"): Described(
        "wx.login: a code, good once and for five minutes.", "wx.login：获取 code，五分钟内有效，只能用一次。"
    ),
    ("POST", "/device/user-info"): Described(
        "wx.getUserInfo or wx.getUserProfile: rawData, signature, encryptedData, iv.",
        "wx.getUserInfo 或 wx.getUserProfile：rawData、signature、encryptedData、iv。",
    ),
    ("POST", "/device/phone-number"): Described(
        "The phone button: a code, and the number encrypted.", "手机号按钮：code 以及加密的手机号。"
    ),
    ("POST", "/device/choose-avatar"): Described(
        "The avatar button: the path of a made-up face.", "头像按钮：一张虚构头像的路径。"
    ),
    ("POST", "/device/plugin-login"): Described(
        "wx.pluginLogin: a code for getpluginopenpid.", "wx.pluginLogin：获取插件 code。"
    ),
    ("POST", "/device/pay"): Described(
        "wx.requestPayment: the numbers of the payment, for getpaidunionid.", "wx.requestPayment：支付单号。"
    ),
    ("POST", "/device/subscribe"): Described(
        "wx.requestSubscribeMessage: one message more for each template.", "wx.requestSubscribeMessage：订阅消息授权。"
    ),
    ("GET", "/device/messages"): Described("The messages that users have received.", "用户收到的消息。"),
    ("POST", "/device/user-key"): Described(
        "getLatestUserKey: the user's newest encryption key.", "getLatestUserKey：用户最新的加密 key。"
    ),
    ("POST", "/device/risk-rank"): Described("What getuserriskrank finds from now on.", "设置用户安全等级。"),
    ("POST", "/device/pages"): Described("The pages of the published version.", "设置已发布的页面。"),
    ("POST", "/device/quota"): Described(
        "How many calls a day an endpoint takes: more are refused with 45009.", "设置接口每日限额，超出返回 45009。"
    ),
    ("POST", "/device/check-session"): Described(
        "wx.checkSession: is the session_key of the last login valid?", "wx.checkSession：登录态是否有效。"
    ),
    ("POST", "/device/expire-session-key"): Described("The session_key is replaced unseen.", "使 session_key 失效。"),
    ("POST", "/device/revoke"): Described(
        "The user withdraws permissions; the event is pushed.", "用户撤回授权，推送事件。"
    ),
    ("POST", "/device/close-account"): Described(
        "The user's account ends; the event is pushed.", "用户注销，推送事件。"
    ),
    ("POST", "/device/modified"): Described(
        "WeChat clears name and picture; the event is pushed.", "微信清除违规头像昵称，推送事件。"
    ),
    ("POST", "/device/release-events"): Described("Sends the events that were held.", "发送暂存的事件。"),
    ("POST", "/device/message-push"): Described(
        "Sets how events are sent, and checks the URL.", "设置消息推送并验证 URL。"
    ),
    ("POST", "/device/picture-verdict"): Described(
        "Decides about a picture that WeChat was asked to check.", "决定图片审核结果。"
    ),
    ("GET", "/device/picture-checks"): Described("The checks of pictures.", "图片审核列表。"),
    ("POST", "/device/faults"): Described("Orders a fault of WeChat's endpoints.", "设置接口故障。"),
    ("GET", "/device/faults"): Described("The active faults.", "当前故障。"),
    ("DELETE", "/device/faults"): Described("Ends every fault.", "清除所有故障。"),
    ("POST", "/device/advance"): Described("Time passes, for WeChat alone.", "微信一侧的时间快进。"),
    ("POST", "/device/expire-access-tokens"): Described(
        "Every access token expires now.", "使所有 access_token 过期。"
    ),
    ("POST", "/device/block"): Described(
        "code2Session refuses the user with 40226.", "封禁用户，code2Session 返回 40226。"
    ),
    ("GET", "/device/calls"): Described(
        "The journal: what server and WeChat have sent each other, without secrets.", "调用记录（不含敏感信息）。"
    ),
    ("DELETE", "/device/calls"): Described("Empties the journal.", "清空调用记录。"),
    ("GET", "/device/users"): Described("The users so far.", "用户列表。"),
    ("GET", "/device/apps"): Described("The mini-programs.", "小程序列表。"),
    ("POST", "/device/bind-open-platform"): Described(
        "Adds the mini-program to an Open Platform account: users get a unionid.",
        "绑定开放平台帐号，用户获得 unionid。",
    ),
}


def api_name(path: str) -> str:
    """The name, or the path of what has none here."""
    return OF_WECHAT[path].name if path in OF_WECHAT else path
