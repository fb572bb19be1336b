// Reads every feed and the OPML of a built site with npm feedsmith.
//
// Usage: node feedsmith.mjs SITE_DIR, in a folder with node_modules. One line a feed; exit 1 when one cannot be read.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const path = createRequire(join(process.cwd(), "package.json")).resolve("feedsmith");
const { parseFeed, parseOpml } = await import(pathToFileURL(path));

// What must be there in each entry, by format.
const needed = {
  atom: ["id", "title", "updated", "published", "summary", "content", "links"],
  rss: ["guid", "title", "pubDate", "description", "content", "link"],
  json: ["id", "title", "url", "date_published", "content_html"],
};

function problems(text) {
  const { format, feed } = parseFeed(text);
  const entries = feed.entries ?? feed.items ?? [];
  if (!(format in needed)) return [`read as ${format}`];
  if (!feed.title) return ["no title"];
  return entries.flatMap((entry) => needed[format].filter((key) => !entry[key]).map((key) => `an entry has no ${key}`));
}

const site = process.argv[2];
let failed = false;
function check(what, step) {
  let found;
  try {
    found = step();
  } catch (error) {
    found = [error.message];
  }
  failed ||= found.length > 0;
  console.log(`${found.length ? "FAIL" : "ok  "} ${what}: feedsmith reads it`, ...found.slice(0, 5));
}

const feeds = readdirSync(join(site, "feeds"), { recursive: true }).filter((name) => /\.(atom|rss|json)$/.test(name));
for (const name of feeds.sort()) check(`feeds/${name}`, () => problems(readFileSync(join(site, "feeds", name), "utf8")));
check("feeds.opml", () => {
  const outlines = parseOpml(readFileSync(join(site, "feeds.opml"), "utf8")).body?.outlines ?? [];
  return outlines.length ? [] : ["no outline"];
});
check("the feeds", () => (feeds.length ? [] : [`none under ${site}`]));
process.exitCode = failed ? 1 : 0;
