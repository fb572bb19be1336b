// Verifies a webhook with npm standardwebhooks@1.1.1.
//
// Usage: node webhook_verify.mjs FILE, where FILE is JSON: {"secret": "whsec_…", "headers": {…}, "body": "…"}.
// Exit 0: verified; 1: not verified; 2: usage or a file of another shape.
// The package is looked for from the working directory, so that it need not be installed beside this file.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { Webhook, WebhookVerificationError } = createRequire(join(process.cwd(), "package.json"))("standardwebhooks");

function read(path) {
  const { secret, headers, body } = JSON.parse(readFileSync(path, "utf8"));
  if (typeof secret !== "string" || typeof headers !== "object" || typeof body !== "string") {
    throw new TypeError("not of the shape {secret, headers, body}");
  }
  return { secret, headers, body };
}

function verify({ secret, headers, body }) {
  try {
    new Webhook(secret).verify(body, headers);
    return 0;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.error(`not verified: ${error.message}`);
    return 1;
  }
}

if (process.argv.length !== 3) {
  console.error("usage: node webhook_verify.mjs FILE");
  process.exit(2);
}
try {
  process.exitCode = verify(read(process.argv[2]));
} catch (error) {
  console.error(`${process.argv[2]}: ${error.message}`);
  process.exitCode = 2;
}
