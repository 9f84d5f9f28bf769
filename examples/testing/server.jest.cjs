// jest: a client of wxgate's against the whole server, with a simulated WeChat behind it.

const { startServer } = require("./wechat.cjs");

let server;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test("a user signs in, gives a phone number and takes it back", async () => {
  const phone = async () => (await server.graphql("{ me { phone { masked } } }", {}, token)).me.phone;
  const token = await server.signIn("Li Lei");
  const { code } = await server.wechat.phoneNumber("Li Lei");
  await server.graphql("mutation ($code: String!) { submitPhoneNumber(code: $code) { id } }", { code }, token);
  expect(await phone()).toMatchObject({ masked: expect.stringMatching(/^138/) });
  await server.wechat.revoke("Li Lei");
  // The server answers WeChat when it has written the event down, and does what it asks a moment later.
  while (await phone()) await new Promise((resolve) => setTimeout(resolve, 20));
});

test("an error has its code", async () => {
  const login = server.graphql('mutation { login(code: "no code of WeChat") { token } }');
  await expect(login).rejects.toMatchObject({ code: "LOGIN_CODE_INVALID" });
});
