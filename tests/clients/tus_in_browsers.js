// In a page of another origin: tus-js-client and Uppy, as a web application uses them.
import Uppy from "@uppy/core";
import UppyTus from "@uppy/tus";
import * as tus from "tus-js-client";

window.sendByTus = (endpoint, size, options) => new Promise((done) => {
  const upload = new tus.Upload(new Blob([new Uint8Array(size).fill(65)]), {
    endpoint, metadata: { filename: "by tus.bin" }, retryDelays: null, ...options,
    onError: (error) => done({ refused: String(error) }),
    onSuccess: () => done({ url: new URL(upload.url).pathname }),
  });
  upload.start();
});

window.sendByUppy = async (endpoint, size, options) => {
  const uppy = new Uppy({ autoProceed: false }).use(UppyTus, { endpoint, retryDelays: [], ...options });
  uppy.addFile({ name: "by uppy.bin", data: new Blob([new Uint8Array(size).fill(66)]) });
  const { successful, failed } = await uppy.upload();
  return { successful: successful.map((file) => file.name), failed: failed.map((file) => String(file.error)) };
};
