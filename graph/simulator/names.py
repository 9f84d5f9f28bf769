"""What WeChat calls its servers, and its endpoints in its own documents."""

from collections.abc import Mapping
from typing import Final

# The nearest one, and the one that clients go to when that fails.
HOSTS: Final = ("api.weixin.qq.com", "api2.weixin.qq.com")
# More than are played here: a server that calls another one is answered that there is none.
API_NAMES: Final[Mapping[str, str]] = {
    "/sns/jscode2session": "code2Session",
    "/cgi-bin/token": "getAccessToken",
    "/cgi-bin/stable_token": "getStableAccessToken",
    "/cgi-bin/getcallbackip": "getCallbackIp",
    "/cgi-bin/get_api_domain_ip": "getApiDomainIp",
    "/cgi-bin/clear_quota": "clearQuota",
    "/cgi-bin/openapi/quota/get": "getApiQuota",
    "/cgi-bin/openapi/rid/get": "getRidInfo",
    "/cgi-bin/message/subscribe/send": "sendMessage",
    "/wxa/checksession": "checkSessionKey",
    "/wxa/resetusersessionkey": "resetUserSessionKey",
    "/wxa/business/getuserphonenumber": "getPhoneNumber",
    "/wxa/business/checkencryptedmsg": "checkEncryptedData",
    "/wxa/business/getuserencryptkey": "getUserEncryptKey",
    "/wxa/getpluginopenpid": "getPluginOpenPId",
    "/wxa/getpaidunionid": "getPaidUnionid",
    "/wxa/msg_sec_check": "msgSecCheck",
    "/wxa/media_check_async": "mediaCheckAsync",
    "/wxa/img_sec_check": "imgSecCheck",
    "/wxa/getuserriskrank": "getUserRiskRank",
    "/wxa/getwxacodeunlimit": "getUnlimitedQRCode",
    "/wxa/generatescheme": "generateScheme",
    "/wxa/generate_urllink": "generateUrlLink",
    "/wxaapi/newtmpl/gettemplate": "getMessageTemplateList",
    "/wxaapi/newtmpl/getcategory": "getCategory",
}


def api_name(path: str) -> str:
    """The name, or the path of what has none here."""
    return API_NAMES.get(path, path)
