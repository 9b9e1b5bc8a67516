// A provider of OpenID Connect by other hands (`oidc-provider` from npm), for `oidc.py`. What it is to be comes in OIDC_TRY as JSON:
// its port, the client, and who can sign in.

import { pathToFileURL } from "node:url";

const { Provider } = await import(pathToFileURL(process.env.OIDC_PROVIDER).href);
const { port, client, accounts } = JSON.parse(process.env.OIDC_TRY);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
  // PKCE is asked for, as the newest recommendations say.
  pkce: { required: () => true },
  findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
});
provider.listen(port, "127.0.0.1", () => console.log("ready"));
