// WeChat, or a whole wxgate with a WeChat behind it, for tests in Node: starts the command, and plays the phones.

const { spawn } = require("node:child_process");
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

// Milliseconds in which it starts.
const PATIENCE = 30_000;
const LOGIN = "mutation ($code: String!) { login(code: $code) { token } }";

/** The phones of WeChat's users, and what can be ordered of WeChat: `/device` at `url`. Fields are those of its page. */
class WeChat {
  constructor(url) {
    this.url = url;
  }

  /** One request. Throws with the simulator's sentence where it is refused. */
  async device(method, action, fields) {
    const body = fields && JSON.stringify(fields);
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${this.url}/device/${action}`, { method, body, headers });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.errMsg);
    return answer;
  }

  /** A code of wx.login. */
  async login(user, fields) {
    return (await this.device("POST", "login", { user, ...fields })).code;
  }

  userInfo = (user, fields) => this.device("POST", "user-info", { user, ...fields });
  phoneNumber = (user, fields) => this.device("POST", "phone-number", { user, ...fields });
  /** Withdraws permissions, by WeChat's numbers; the event goes where events are pushed. */
  revoke = (user, fields) => this.device("POST", "revoke", { user, ...fields });
  /** The next calls of WeChat's endpoints fail, as `{ path, errcode, times }` have it; `heal` ends that. */
  fail = (kind, fields) => this.device("POST", "faults", { kind, ...fields });
  heal = () => this.device("DELETE", "faults");
  advance = (seconds) => this.device("POST", "advance", { seconds });
  expireAccessTokens = () => this.device("POST", "expire-access-tokens");
  block = (user, blocked = true) => this.device("POST", "block", { user, blocked });

  /** What the server and WeChat have sent each other since the call of this number, without secrets. */
  async calls(after = 0) {
    return (await this.device("GET", `calls?after=${after}`)).calls;
  }
}

/** A simulator on a free port, to be stopped by `stop()`. For a wxgate under test, `env` has the settings of it. */
async function startSimulator({ command = "wxgate", args = [], env = {} } = {}) {
  const started = await start(command, ["simulate", "--port", "0", ...args], env);
  const printed = Object.fromEntries([...started.output().matchAll(/^export (\w+)=(.*)$/gm)].map(([, k, v]) => [k, v]));
  const { WXGATE_WECHAT_BASE_URL: url, WXGATE_WECHAT_APP_ID: appId, WXGATE_WECHAT_APP_SECRET: appSecret } = printed;
  return Object.assign(new WeChat(url), { appId, appSecret, env: printed, stop: started.stop });
}

/** `wxgate dev` on a free port, with a database of its own. Its WeChat is `wechat`. */
async function startServer({ command = "wxgate", args = [], env = {} } = {}) {
  const data = mkdtempSync(join(tmpdir(), "wxgate-"));
  const remove = () => rmSync(data, { recursive: true, force: true });
  const started = await start(command, ["dev", "--port", "0", "--data", data, ...args], env, remove);
  const url = `http://127.0.0.1:${started.port}`;
  const wechat = new WeChat(`${url}/simulator`);

  /** The data of the response. Throws with the first error's message; its code is the `code` of what is thrown. */
  async function graphql(query, variables, token) {
    const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = await response.json();
    if (errors) throw Object.assign(new Error(errors[0].message), errors[0].extensions);
    return data;
  }

  return {
    url,
    wechat,
    graphql,
    /** The token of a session of this user. */
    signIn: async (user) => (await graphql(LOGIN, { code: await wechat.login(user) })).login.token,
    stop: started.stop,
  };
}

/** Resolves when the command answers; rejects with what it has written if it ends before, or takes too long. */
function start(command, args, settings, remove = () => {}) {
  // Of the settings around it none: they are those of another server.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("WXGATE_"));
  const env = { ...Object.fromEntries(inherited), ...settings };
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  // Not with the runner only: a test that never ends is killed, and this with it.
  const kill = () => {
    child.kill();
    remove();
  };
  process.once("exit", kill);
  let written = "";
  let url;
  return new Promise((resolve, reject) => {
    const fail = async (error) => {
      clearTimeout(timer);
      // Where there is no such command, nothing ends.
      await (child.pid ? stop() : kill());
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`${command} ${args[0]} does not start:\n${written}`)), PATIENCE);
    child.once("error", fail);
    ended.then(() => fail(new Error(`${command} ${args[0]} has ended:\n${written}`)));

    // It prints its address, whatever it logs, before it answers there, and all the rest before it does.
    const answered = async () => {
      const failure = await fetch(url).then(() => {}, ({ cause }) => cause);
      // It has ended. With a certificate that is not trusted here it answers nevertheless.
      if (failure?.syscall || failure?.code?.startsWith("UND_ERR")) return;
      clearTimeout(timer);
      // Once what came by the pipe at the same time has been read too.
      setImmediate(resolve, { port: Number(new URL(url).port), output: () => written, stop });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        written += text;
        const found = /(?:BASE_URL=|GraphQL +)(https?:\S+)\n/.exec(written);
        if (found && !url) {
          url = found[1];
          answered();
        }
      });
    }
  });

  async function stop() {
    process.off("exit", kill);
    child.kill();
    await ended;
    remove();
  }
}

module.exports = { WeChat, startSimulator, startServer };
