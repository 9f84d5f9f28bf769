// Loaded first: whatever connects to api.weixin.qq.com reaches the simulator, and checks its certificate for that name.
"use strict";
const tls = require("node:tls");

const { connect } = tls;
const { port } = new URL(process.env.WXGATE_WECHAT_BASE_URL);

tls.connect = (options, ...rest) =>
  options.host === "api.weixin.qq.com"
    ? connect({ ...options, host: "127.0.0.1", port, servername: options.host }, ...rest)
    : connect(options, ...rest);
