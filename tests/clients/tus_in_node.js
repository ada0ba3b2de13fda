// node tus_in_node.js SESSION_URL FILE OPTIONS: sends the file by tus-js-client; prints every request and answer, a line each.
const fs = require("fs");
const tus = require("tus-js-client");

const [session, path, options] = process.argv.slice(2);
const upload = new tus.Upload(fs.readFileSync(path), {
  endpoint: session,
  metadata: { filename: "nested/größe.bin", empty: "", filetype: "application/x-weights" },
  retryDelays: [10, 20, 50, 100, 200, 500, 1000, 2000],
  onAfterResponse: (request, answer) => console.log(request.getMethod(), answer.getStatus()),
  onError: (error) => { console.log("refused", error.originalResponse && error.originalResponse.getStatus()); },
  onSuccess: () => console.log("done", new URL(upload.url).pathname),
  ...JSON.parse(options),
});
upload.start();
