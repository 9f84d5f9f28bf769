// node-easywechat, which takes a base URL: signs a user in, decrypts, and asks for a number and a check.
import { MiniApp } from "node-easywechat";

const { appId, appSecret, baseURL, code, encryptedData, iv, phoneCode } = JSON.parse(process.argv[2]);

function mini(options) {
  return new MiniApp({ app_id: appId, secret: appSecret, http: { baseURL, throw: false, timeout: 60_000 }, ...options });
}

async function post(app, path, body) {
  return (await app.getClient().postJson(path, body)).toObject();
}

const app = mini({ use_stable_access_token: true });
const session = await app.getUtils().codeToSession(code);
const profile = app.getUtils().decryptSession(session.session_key, iv, encryptedData);
const text = (content) => ({ version: 2, scene: 1, openid: session.openid, content });
const phone = await post(app, "/wxa/business/getuserphonenumber", { code: phoneCode });
process.stdout.write(
  JSON.stringify({
    session: Object.keys(session).sort(),
    again: await app.getUtils().codeToSession(code).catch((error) => error.message.includes("40163")),
    profile: { nickName: profile.nickName, appid: profile.watermark.appid, same: profile.openId === session.openid },
    phone: phone.phone_info.purePhoneNumber,
    harmless: (await post(app, "/wxa/msg_sec_check", text("你好"))).result.suggest,
    risky: (await post(app, "/wxa/msg_sec_check", text("违禁"))).result.suggest,
    link: (await post(mini(), "/wxa/generate_urllink", { path: "pages/index/index" })).url_link,
  }),
);
