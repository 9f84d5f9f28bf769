// Runs operations against the endpoint beside this page. Nothing is stored, and nothing goes to the address bar.

const endpoint = new URL("graphql", document.baseURI);
const form = document.querySelector("form");
const answer = document.querySelector("pre");
const { query, variables, token } = form.elements;

const EXAMPLES = {
  login: [
    "mutation ($code: String!) {\n  login(code: $code) {\n    token\n    expiresAt\n    isNewUser\n    user { id nickName }\n  }\n}",
    { code: "the code of wx.login" },
  ],
  me: ["{\n  me { id nickName avatarUrl gender isAnonymous createdAt updatedAt }\n}", {}],
  schema: [
    "{\n  __schema {\n    types {\n      name\n      description\n      fields { name description }\n      enumValues { name description }\n    }\n  }\n}",
    {},
  ],
};

async function run() {
  try {
    const headers = { "Content-Type": "application/json" };
    if (token.value) headers.Authorization = `Bearer ${token.value}`;
    const body = JSON.stringify({ query: query.value, variables: JSON.parse(variables.value || "{}") });
    const response = await fetch(endpoint, { method: "POST", headers, body });
    const result = await response.json();
    if (result.data?.login?.token) token.value = result.data.login.token;
    answer.textContent = JSON.stringify(result, null, 2);
  } catch (error) {
    answer.textContent = String(error);
  }
}

function show(name) {
  const [document_, values] = EXAMPLES[name];
  query.value = document_;
  variables.value = JSON.stringify(values, null, 2);
}

for (const name of Object.keys(EXAMPLES)) form.elements[name].addEventListener("click", () => show(name));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
show("login");
