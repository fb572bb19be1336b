// Subscribes to a topic with npm pubsubhubbub@1.0.2, and says on a line of JSON each what happens to it.
//
// Usage: node websub.mjs HUB TOPIC PORT; the callback is at that port of 127.0.0.1. It ends when it is told to.
// The package is looked for from the working directory, so that it need not be installed beside this file.
import { createHmac, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";

const pubSubHubbub = createRequire(join(process.cwd(), "package.json"))("pubsubhubbub");

const [hub, topic, port] = process.argv.slice(2);
const say = (event, rest) => console.log(JSON.stringify({ event, ...rest }));

const callbackUrl = `http://127.0.0.1:${port}/in`;
const secret = randomBytes(24).toString("hex");
const asks = pubSubHubbub.createServer({ callbackUrl, secret });
// What it gives a hub as the secret is made of its own and the topic, and it verifies by its own: one of it asks, and
// another, which has that as its own, receives.
const given = createHmac("sha1", secret).update(topic).digest("hex");
const receives = pubSubHubbub.createServer({ callbackUrl, secret: given });

const seconds = () => Math.round(Date.now() / 1000);
receives.on("subscribe", ({ lease, topic: of }) => say("subscribe", { lease: lease - seconds(), topic: of }));
receives.on("denied", ({ topic: of }) => say("denied", { topic: of }));
receives.on("error", (error) => say("error", { error: String(error) }));
// It says so of what is verified alone.
receives.on("feed", ({ topic: of, hub: from, callback, feed, headers }) =>
  say("feed", {
    topic: of,
    hub: from,
    callback,
    text: feed.toString("utf8"),
    type: headers["content-type"],
    link: headers.link,
    signature: headers["x-hub-signature"],
  }),
);
receives.on("listen", () => {
  say("callback", { url: `${callbackUrl}?topic=${encodeURIComponent(topic)}&hub=${encodeURIComponent(hub)}` });
  asks.subscribe(topic, hub, (error) => say("asked", { error: error ? String(error) : null }));
});
receives.listen(Number(port), "127.0.0.1");
