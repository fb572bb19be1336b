// A reader with headless Chromium: subscribes, confirms, chooses, looks at what is held, leaves. Every state of every
// page is looked at on each screen, for what a reader would trip over; axe looks at the same bytes.
//
// Usage: node list.mjs ARGUMENTS, in a folder with node_modules; ARGUMENTS is JSON of list.py. PICTURES and HANDBILL are
// in the environment. One line a state; exit 1 when something is wrong with one.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(join(process.cwd(), "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const { url, folder, mails, lang, scripts, stay, probed } = JSON.parse(process.argv[2]);
const { PICTURES, HANDBILL } = process.env;
const OTHER = { en: "es", es: "en" }[lang];
const ME = `reader.${lang}@example.org`;
// All four in one language; the other's pages are of the same templates.
const [NARROW, WIDE] = [{ width: 360, colorScheme: "dark" }, { width: 1280, colorScheme: "light" }];
const SCREENS = [NARROW, WIDE, ...(scripts ? [] : [{ ...NARROW, colorScheme: "light" }, { ...WIDE, colorScheme: "dark" }])];
const ARGUMENTS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

// The heading of each state, so that each is the one that it is taken for, in its language.
const HEADINGS = {
  en: {
    subscribe: "Subscribe", missing: "Nothing stands here", gone: "This notice was taken back", asked: "Look into your mailbox",
    tooMany: "Too many requests from your network", confirm: "Do you want this by mail?", confirmed: "You are subscribed",
    preferences: "What you get", leave: "Leave “Action alerts”?", leaveAll: "Leave all lists?", left: "You have left",
    dead: "This link does not work any more", stay: "Do you want to stay?", stayed: "Thank you", erased: "You are forgotten",
  },
  es: {
    subscribe: "Suscribirse", missing: "Aquí no hay nada", gone: "Este aviso se retiró", asked: "Hay que mirar el buzón",
    tooMany: "Demasiadas solicitudes desde esta red", confirm: "¿Recibir esto por correo?", confirmed: "La suscripción está hecha",
    preferences: "Qué llega por correo", leave: "¿Salir de “Avisos de acciones”?", leaveAll: "¿Salir de todas las listas?",
    left: "La baja está hecha", dead: "Este enlace ya no funciona", stay: "¿Seguir en las listas?", stayed: "Gracias",
    erased: "Los datos están borrados",
  },
};

let failed = 0;
let looked = 0;

function check(what, problems) {
  failed += problems.length > 0;
  console.log(`${problems.length ? "FAIL" : "ok  "} ${lang}: ${what}` + problems.map((one) => `\n     ${one}`).join(""));
}

function equal(what, found, expected) {
  const said = isDeepStrictEqual(found, expected) ? [] : [`${JSON.stringify(found)} and not ${JSON.stringify(expected)}`];
  check(what, said);
}

function handbill(...command) {
  try {
    return JSON.parse(execFileSync(HANDBILL, ["-C", folder, "subscribers", ...command], { encoding: "utf8", stdio: "pipe" }));
  } catch (error) {
    if (error.status !== 1) throw error;
    return null;
  }
}

function standing() {
  return handbill("show", ME)?.standing ?? "nobody";
}

// The links of the next mail to us.
const given = new Set();
async function nextMail() {
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(20)) {
    for (const name of readdirSync(mails).filter((name) => name.endsWith(".json") && !given.has(name))) {
      const mail = JSON.parse(readFileSync(join(mails, name), "utf8"));
      if (mail.to !== ME) continue;
      given.add(name);
      const links = mail.text.matchAll(/https?:\/\/\S+?\/(confirm|leave|preferences|stay)\/[\w-]+/g);
      return Object.fromEntries([...links].map(([link, purpose]) => [purpose, link]));
    }
  }
  throw new Error("no mail came");
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS.split(" ") });
const context = await browser.newContext({ javaScriptEnabled: scripts, acceptDownloads: true });
// Shows axe the bytes that the reader got: without scripts its timers would never end.
const twin = await (await browser.newContext()).newPage();
const page = await context.newPage();
const said = [];
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) said.push(`console: ${message.text()}`);
});
page.on("pageerror", (error) => said.push(`error: ${error.message}`));
page.on("request", (request) => {
  if (!request.url().startsWith(url) && !request.url().startsWith("data:")) said.push(`asks for ${request.url()}`);
});

async function violations(html, { width, colorScheme }) {
  await twin.setViewportSize({ width, height: 900 });
  await twin.emulateMedia({ colorScheme });
  await twin.route(`${url}twin`, (route) => route.fulfill({ contentType: "text/html; charset=utf-8", body: html }));
  await twin.goto(`${url}twin`);
  await twin.unroute(`${url}twin`);
  await twin.evaluate(axe);
  const found = await twin.evaluate(() => window.axe.run());
  return found.violations.map(({ id, nodes }) => `axe: ${id}: ${nodes[0].html.slice(0, 120)} (${nodes.length})`);
}

// What is wrong with a state as it stands on one screen.
async function onScreen(name, { width, colorScheme }) {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme });
  const found = await page.evaluate(() => {
    const count = (selector) => document.querySelectorAll(selector).length;
    const small = [...document.querySelectorAll("button, input:not([tabindex]), select")].filter((one) => one.getBoundingClientRect().height < 17);
    return {
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      landmarks: [count("h1"), count("main"), count("body > header"), count("body > footer")].join(),
      unlabelled: [...document.querySelectorAll("input, select")].filter((one) => one.labels.length === 0).length,
      small: small.length,
    };
  });
  await page.screenshot({ path: join(PICTURES, `${name}-${lang}-${width}-${colorScheme}.png`), fullPage: true });
  const problems = [];
  if (found.wide !== 0) problems.push(`${found.wide} pixels wider than the screen of ${width}`);
  if (found.landmarks !== "1,1,1,1") problems.push(`h1, main, header, footer: ${found.landmarks}`);
  if (found.unlabelled) problems.push(`${found.unlabelled} fields without a label`);
  if (found.small) problems.push(`${found.small} things to press that are small`);
  return problems;
}

// Looks at the page that is open; `answer` is what it came with.
async function see(name, answer, { status = 200, heading, its = lang, says = "" }) {
  looked += 1;
  const problems = said.splice(0).filter((line) => status === 200 || !line.includes(`${status}`));
  if (answer.status() !== status) problems.push(`status ${answer.status()}`);
  const title = await page.locator("h1").first().innerText();
  if (heading && title !== HEADINGS[its][heading]) problems.push(`heading ${title}`);
  const own = await page.locator("html").getAttribute("lang");
  if (own !== its) problems.push(`in ${own}`);
  if (says && !(await page.locator("main").innerText()).includes(says)) problems.push(`does not say ${says}`);
  for (const screen of SCREENS) problems.push(...(await onScreen(name, screen)));
  const html = await page.content();
  problems.push(...(await violations(html, scripts ? NARROW : WIDE)));
  check(`${name} at ${new URL(page.url()).pathname.slice(0, 20)}`, problems);
}

// The answer to a form that is sent by its button.
async function press(button) {
  const [answer] = await Promise.all([page.waitForNavigation({ waitUntil: "load" }), button.click()]);
  return answer;
}

const open = (path) => page.goto(new URL(path, url).href, { waitUntil: "load" });
const field = (name) => page.locator(`main [name=${name}]`);
const list = (name) => page.locator(`main [name=lists][value=${name}]`);
const act = (name) => page.locator(`main button[value=${name}]`);
const button = () => page.locator("main form button").first();
// What is typed must pass the browser first.
const NO_ADDRESS = "juniper..quince@example.org";

async function beforeSubscribing() {
  await see("missing", await open("nowhere/"), { status: 404, heading: "missing" });
  await see("gone", await open("410.html"), { heading: "gone" });
  await open("nowhere/");
  said.splice(0);
  await page.locator("#short-address").fill(ME);
  await see("wrong-no-list", await press(page.locator("footer form button")), { status: 422, heading: "subscribe" });
  equal("the address that was typed is still there", await field("address").inputValue(), ME);
  await see("subscribe", await open("subscribe/"), { heading: "subscribe" });
  await field("address").fill(NO_ADDRESS);
  await list("alerts").check();
  await see("wrong-address", await press(button()), { status: 422, heading: "subscribe" });
  equal("what was typed is still there", [await field("address").inputValue(), await list("alerts").isChecked()], [NO_ADDRESS, true]);
  equal("nothing is held of it", standing(), "nobody");
}

async function subscribing() {
  await field("address").fill(ME);
  await see("asked", await press(button()), { heading: "asked" });
  const { confirm } = await nextMail();
  await see("confirm", await open(confirm), { heading: "confirm" });
  equal("opening the link confirms nothing", standing(), "pending");
  await see("confirmed", await press(button()), { heading: "confirmed" });
  equal("the button does", standing(), "confirmed");
  return { confirm, ...(await nextMail()) };
}

async function choosing({ preferences }) {
  await see("preferences", await open(preferences), { heading: "preferences" });
  equal("the list is ticked, the other is not", [await list("alerts").isChecked(), await list("weekly").isChecked()], [true, false]);
  await field("address").fill("somebody.else@example.org");
  await list("weekly").check();
  await see("preferences-refused", await press(act("save")), { status: 403, heading: "preferences" });
  equal("nothing has changed", handbill("show", ME).lists, [{ list: "alerts", digest: "" }]);
  await field("address").fill(ME);
  await list("weekly").check();
  await page.locator("[name=digest][value=alerts]").check();
  await field("reminders").uncheck();
  await field("paused_until").fill("2199-01-01");
  await field("lang").selectOption(OTHER);
  await see("preferences-saved", await press(act("save")), { heading: "preferences", its: OTHER });
  const held = handbill("show", ME);
  equal("what was chosen is in the ledger", [held.lists, held.lang, held.reminders, held.paused_until.slice(0, 10)],
    [[{ list: "alerts", digest: "weekly" }, { list: "weekly", digest: "" }], OTHER, false, "2199-01-01"]);
  const ticked = await Promise.all([list("alerts"), list("weekly"), page.locator("[name=digest]"), field("reminders")].map((one) => one.isChecked()));
  equal("and on the page", [ticked, await field("lang").inputValue(), await field("paused_until").inputValue()], [[true, true, true, false], OTHER, "2199-01-01"]);
}

async function lookingAndLeaving({ preferences, leave, confirm }) {
  await field("address").fill(ME);
  const [download] = await Promise.all([page.waitForEvent("download"), act("show").click()]);
  equal("it comes as a file", download.suggestedFilename(), "held-about-you.json");
  const text = JSON.parse(readFileSync(await download.path(), "utf8"));
  equal("what is held is what the command shows", text, { address: ME, held: handbill("show", ME) });
  await open(preferences);
  await see("left", await press(page.locator("form[action*='/leave/'] button").first()), { heading: "left", its: OTHER });
  equal("the other list stays", handbill("show", ME).lists.map((one) => one.list), ["weekly"]);
  await see("leave-all", await open(leave), { heading: "leaveAll", its: OTHER });
  equal("opening the link leaves nothing", standing(), "confirmed");
  await see("left-all", await press(button()), { heading: "left", its: OTHER });
  equal("the button does", standing(), "nobody");
  await see("preferences-dead", await open(preferences), { status: 404, heading: "dead" });
  await see("confirm-dead", await open(confirm), { status: 404, heading: "dead" });
}

async function stayingAndErasing() {
  await see("stay", await open(stay), { heading: "stay" });
  await see("stayed", await press(button()), { heading: "stayed" });
  await see("stay-dead", await open(`${stay}x`), { status: 404, heading: "dead" });
  await open(probed.preferences);
  const way = await page.locator("form[action*='/leave/']").first().getAttribute("action");
  await see("leave", await open(way), { heading: "leave" });
  await open(probed.preferences);
  await field("address").fill(probed.address);
  await see("erased", await press(act("erase")), { heading: "erased" });
  equal("nothing is held any more", handbill("show", probed.address), null);
}

async function askingTooOften() {
  const headers = { "x-forwarded-for": "198.51.100.7" };
  for (let status = 0; status !== 429; ) status = (await context.request.post(`${url}subscribe`, { headers, form: { address: "" } })).status();
  await page.setExtraHTTPHeaders(headers);
  await open("subscribe/");
  await field("address").fill(ME);
  await list("weekly").check();
  await see("too-many", await press(button()), { status: 429, heading: "tooMany" });
}

// In English 60-pages.sh looks at all of them.
async function reading() {
  for (const path of ["", "actions/", "statements/", "notices/", "notices/heat0/", "tags/", "feeds/"]) {
    await see(`page-${path.slice(0, -1).replaceAll("/", "-") || "home"}`, await open(path), {});
  }
}

try {
  if (lang !== "en") await reading();
  await beforeSubscribing();
  const links = await subscribing();
  const counts = handbill("stats", "--json");
  equal("so few are not counted", counts, [{ list: "alerts", standing: "confirmed", count: "<10" }]);
  await choosing(links);
  await lookingAndLeaving(links);
  await stayingAndErasing();
  await askingTooOften();
  console.log(`${looked} states looked at, ${failed} with something wrong`);
  process.exitCode = failed ? 1 : 0;
} finally {
  await browser.close();
}
