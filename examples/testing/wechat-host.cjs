// Leads what goes to WeChat's own host to a simulator, for SDKs whose host is fixed: `node --require ./wechat-host.cjs`.
//
// WXGATE_WECHAT_BASE_URL is what `wxgate simulate --tls` prints, and NODE_EXTRA_CA_CERTS its CA file: without that
// certificate no connection is made, wherever it leads.

const tls = require("node:tls");

const WECHAT = /^api2?\.weixin\.qq\.com$/;
const simulator = new URL(process.env.WXGATE_WECHAT_BASE_URL);
// Without the brackets of an IPv6 address, and with the port that an address of HTTPS need not have.
const there = { host: simulator.hostname.replace(/^\[|\]$/g, ""), port: Number(simulator.port) || 443 };
const { connect } = tls;

// Below it are `https`, and so axios, got, urllib and the like, and `fetch`.
tls.connect = (...given) => {
  const [options, ...more] = given;
  const name = options?.servername || options?.host || options?.hostname;
  if (!WECHAT.test(name)) return connect(...given);
  // The name stays that of WeChat, which the certificate is for.
  const led = { ...options, ...there, servername: name };
  return connect(led, ...more);
};
