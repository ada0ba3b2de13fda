// A real OpenID provider: node provider.mjs NODE_MODULES SETTINGS (JSON: issuer, port, clients, keys, lifetime).
// Whoever signs in with a name is that person, whatever the password is.
const [modules, text] = process.argv.slice(2);
const settings = JSON.parse(text);
const { Provider } = await import(`${modules}/oidc-provider/lib/index.js`);

const provider = new Provider(settings.issuer, {
  clients: settings.clients,
  jwks: { keys: settings.keys },
  cookies: { keys: ["of a test"] },
  conformIdTokenClaims: false, // what the scopes ask for stands in the ID token
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  scopes: ["openid", "email", "groups"],
  ttl: { IdToken: settings.lifetime },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: "",
        audience: resource.split(":").pop(), // urn:audience:registry is for registry
        accessTokenFormat: "jwt",
      }),
    },
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@lab.example`, email_verified: true, groups: ["ml"] }),
  }),
});
provider.listen(settings.port, "localhost", () => console.log("listens"));
