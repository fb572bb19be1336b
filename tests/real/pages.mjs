// Opens the pages of a served site in headless Chromium and looks for what a reader would trip over.
//
// Usage: node pages.mjs URL SITE_DIR PICTURES_DIR PRESS, in a folder with node_modules; SITE_DIR has the files behind URL,
// and PRESS is the address of a page for journalists, which is no file.
// One line a page; exit 1 when something is wrong with one. axe looks at each page once in each colour scheme and
// once at each width: its rules ask for colours and structure, and take most of the time.
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");

const [url, site, pictures, press] = process.argv.slice(2);
const SCREENS = [360, 1200].flatMap((width) => ["light", "dark"].map((colorScheme) => ({ width, colorScheme })));
const ARGUMENTS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

// Every page but those of the tags, of which two stand for all.
function paths() {
  const pages = readdirSync(site, { recursive: true }).filter((name) => name.endsWith("index.html"));
  const tags = pages.filter((name) => /^tags\/./.test(name) && name !== "tags/index.html").slice(2);
  return pages.filter((name) => !tags.includes(name)).map((name) => name.slice(0, -"index.html".length)).sort();
}

// What the browser says while a page loads.
function listen(page, problems) {
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) problems.push(`asks for ${request.url()}`);
  });
}

async function look(page, path, withAxe) {
  const problems = [];
  const answer = await page.goto(url + path, { waitUntil: "load" });
  if (answer.status() !== (path === "nowhere/" ? 404 : 200)) problems.push(`status ${answer.status()}`);
  const counts = await page.evaluate(() => {
    const count = (selector) => document.querySelectorAll(selector).length;
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return { h1: count("h1"), main: count("main"), header: count("body > header"), footer: count("body > footer"), nav: Math.min(count("nav"), 1), wide };
  });
  for (const [name, count] of Object.entries(counts)) {
    const wanted = name === "wide" ? 0 : 1;
    if (count !== wanted) problems.push(name === "wide" ? `${count} pixels wider than the screen` : `${count} of ${name}`);
  }
  if (!withAxe) return problems;
  await page.addScriptTag({ path: axe });
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, nodes } of violations) problems.push(`axe: ${id}: ${nodes[0].html.slice(0, 120)} (${nodes.length})`);
  return problems;
}

// All pages on one screen: how many were looked at, and how many of them have something wrong.
async function screen(browser, { width, colorScheme }) {
  // The site's own policy forbids scripts: axe is let in past it.
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
  const page = await context.newPage();
  const said = [];
  listen(page, said);
  let failed = 0;
  const all = [...paths(), press.slice(url.length), "nowhere/"];
  for (const path of all) {
    const found = await look(page, path, (width === 360) === (colorScheme === "dark"));
    // A page that is not there is an error to the console, and rightly.
    const problems = [...found, ...said.splice(0).filter((line) => path !== "nowhere/" || !line.includes("404"))];
    const name = path.startsWith("press/") ? "press" : path.replaceAll("/", "-").replace(/-$/, "") || "home";
    await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    failed += problems.length > 0;
    console.log(`${problems.length ? "FAIL" : "ok  "} /${name === "press" ? "press/…" : path} at ${width}, ${colorScheme}` + problems.map((p) => `\n     ${p}`).join(""));
  }
  return { looked: all.length, failed };
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS.split(" ") });
try {
  const screens = await Promise.all(SCREENS.map((one) => screen(browser, one)));
  const looked = screens.reduce((sum, one) => sum + one.looked, 0);
  const failed = screens.reduce((sum, one) => sum + one.failed, 0);
  console.log(`${looked} looked at, ${failed} with something wrong`);
  process.exitCode = failed ? 1 : 0;
} finally {
  await browser.close();
}
