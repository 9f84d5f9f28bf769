// co-wechat-api, whose host is fixed: signs a user in, sends a message and draws a code.
import WeChatAPI from "co-wechat-api";

const { appId, appSecret, code, phoneCode, template, data } = JSON.parse(process.argv[2]);
const api = new WeChatAPI(appId, appSecret);
// In milliseconds: three seconds by itself, which a busy machine may need.
api.setOpts({ timeout: 60_000 });

/** What it has no method for, as its own methods do it. */
async function post(path, body) {
  const { accessToken } = await api.ensureAccessToken();
  return api.request(`${api.wxaPrefix}${path}?access_token=${accessToken}`, {
    method: "POST",
    data: JSON.stringify(body),
  });
}

const failure = (promise) => promise.then(() => null).catch((error) => error.code);

const session = await api.code2Session(code);
const phone = await post("business/getuserphonenumber", { code: phoneCode });
const picture = await api.getWXACodeUnlimit("id=7", "pages/index/index");
const seen = {
  session: Object.keys(session).sort(),
  again: await failure(api.code2Session(code)),
  phone: phone.phone_info.purePhoneNumber,
  picture: [...picture.subarray(0, 3)],
  addresses: (await api.getIp()).ip_list,
  message: (await api.sendSubscribeMessage(session.openid, template, "pages/index/index", data)).errmsg,
  secondMessage: await failure(api.sendSubscribeMessage(session.openid, template, "pages/index/index", data)),
};
// It fetches a token of its own for a refused one, three times at most.
await api.saveToken({ accessToken: "99_refused", expireTime: Date.now() + 60_000 });
seen.afterRefusal = (await api.getIp()).ip_list.length;
process.stdout.write(JSON.stringify(seen));
