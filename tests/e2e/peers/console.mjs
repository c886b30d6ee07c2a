// Uses the operator's console in Chromium as an operator does, by real keys, clicks, drops and file choices, and prints one JSON line
// with what it saw. The role names what is done; what goes wrong ends it with an error that has the page's text.
//   node console.mjs '{"role":"look","url":"http://127.0.0.1:8081/","profile":"/tmp/..."}'
import { createRequire } from "node:module";

const options = { patience: 20, ...JSON.parse(process.argv[2]) };
const puppeteer = createRequire(process.env.NODE_PATH + "/")("puppeteer-core");
const browser = await puppeteer.launch({
  browser: "chrome",
  executablePath: "/usr/bin/chromium",
  // A pipe instead of a port: when this process dies, the browser does too.
  pipe: true,
  userDataDir: options.profile,
  args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const page = await browser.newPage();
const wrong = [];
page.on("console", (message) => ["error", "warn"].includes(message.type()) && wrong.push(`${message.type()}: ${message.text()} ${message.location().url ?? ""}`));
page.on("pageerror", (error) => wrong.push(`error: ${error}`));
await page.setViewport({ width: 1280, height: 900 });

const text = () => page.evaluate(() => document.body.innerText);
/** Waits until a function of the page holds, and returns what it returned. */
async function until(what, check, ...given) {
  try {
    const handle = await page.waitForFunction(check, { polling: 50, timeout: options.patience * 1000 }, ...given);
    return await handle.jsonValue();
  } catch {
    throw new Error(`did not come true: ${what}\n${await text()}`);
  }
}
const shows = (words) => until(`the page shows ${JSON.stringify(words)}`, (wanted) => document.body.innerText.includes(wanted), words);
const at = (section) => page.evaluate((hash) => (location.hash = hash), `#/${section}`);
const heading = (words) => until(`the heading ${words}`, (wanted) => document.querySelector("#section h1")?.innerText === wanted, words);
/** The element with this role and name, as those hear it who can not see it. */
const named = (name, role = "button") => page.waitForSelector(`aria/${name}[role="${role}"]`, { timeout: options.patience * 1000, visible: true });
const press = async (name, role) => (await named(name, role)).click();
const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.innerText ?? "");
const agree = async (yes) => {
  await until("the question", () => document.getElementById("question").open);
  await press(yes);
};
/** Walks with the Tab key until something has the focus. */
async function tabTo(name) {
  for (let steps = 0; steps < 80; steps += 1) {
    if ((await focused()).trim() === name) return steps;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the Tab key does not lead to ${name}; the focus is on ${await focused()}`);
}
const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

/** Drops files onto the page, as the system does. */
async function drop(files) {
  const place = await page.waitForSelector(".drop", { visible: true });
  const { x, y, width, height } = await place.boundingBox();
  const session = await page.createCDPSession();
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + height / 2, data });
  }
  await session.detach();
}
/** Chooses files in the field for them. */
const choose = async (files) => (await page.waitForSelector('.upload input[type="file"]')).uploadFile(...files);
const uploaded = async (words) => {
  await press("Upload");
  await shows(words);
};

const roles = {
  /** Every section, wide and on a phone, with a publisher and a viewer at work. */
  async look() {
    await heading("Overview");
    const chart = (name) => until(`${name} above nought`, (wanted) => {
      const found = document.querySelector(`.chart[aria-label="${wanted}"]`);
      const line = found?.querySelector(".line").getAttribute("d") ?? "";
      return parseFloat(found?.querySelector(".figure").innerText) > 0 && line.includes("L") && found.querySelector(".figure").innerText;
    }, name);
    const figures = {};
    for (const name of ["Viewers", "Sent to viewers", "Received", "CPU"]) figures[name] = await chart(name);
    await at("streams");
    await heading("Streams");
    await shows(options.stream);
    const stream = await until("a bitrate", () => /[1-9]\d* kbit\/s|bit\/s/.test(document.querySelector("tbody tr")?.innerText ?? "") && document.querySelector("tbody tr").innerText);
    await (await page.waitForSelector("::-p-aria(Filter)")).type("no such name");
    await shows("No stream has that in its name.");
    await at(`sessions?stream=${encodeURIComponent(options.stream)}`);
    await heading("Sessions");
    const row = await until("a viewer's bitrate", () => {
      const rows = [...document.querySelectorAll("tbody tr")];
      const row = rows.find(({ innerText }) => innerText.includes("Plays") && /bit\/s/.test(innerText));
      return row?.innerText;
    });
    await (await page.waitForSelector("tbody tr a")).click();
    await shows("How it was decided");
    const story = await until("the story", () => [...document.querySelectorAll(".story li")].map(({ innerText }) => innerText));
    await at("config");
    await heading("Settings in force");
    await (await page.waitForSelector("::-p-aria(Filter)")).type("shard_load");
    const config = await until("a key", () => {
      const shown = [...document.querySelectorAll("tbody tr")].filter(({ offsetParent }) => offsetParent);
      return shown.length === 1 && shown[0].innerText;
    });
    await page.setViewport({ width: 360, height: 740 });
    const wide = {};
    for (const section of ["overview", "streams", "sessions", "plugins", "config", "events"]) {
      await at(section);
      await until(`the section ${section}`, (hash) => document.querySelector("#sections [aria-current]")?.hash === hash && document.querySelector("#section h1"), `#/${section}`);
      await page.evaluate(() => new Promise((next) => setTimeout(next, 1200)));
      wide[section] = await overflow();
    }
    return { figures, stream, row, story, config, wide };
  },

  /** By keys alone: along the sections, to a viewer, the question, no, yes. */
  async kick() {
    await heading("Overview");
    await tabTo("Overview");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await heading("Sessions");
    const onHeading = await focused();
    const who = await until("a viewer", () => [...document.querySelectorAll("tbody tr")].find(({ innerText }) => innerText.includes("Plays"))?.querySelector("button").getAttribute("aria-label"));
    await tabTo(who);
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    await page.keyboard.press("Enter");
    await until("the question", () => document.getElementById("question").open);
    const inQuestion = await focused();
    await page.keyboard.press("Escape");
    await until("the end of the question", () => !document.getElementById("question").open);
    const after = await focused();
    const still = (await text()).includes("Plays");
    await page.keyboard.press("Enter");
    await until("the question", () => document.getElementById("question").open);
    await page.keyboard.down("Shift");
    await page.keyboard.press("Tab");
    await page.keyboard.up("Shift");
    const question = await page.evaluate(() => document.getElementById("question").innerText);
    await page.keyboard.press("Enter");
    await shows("was ended");
    await until("the viewer gone", () => ![...document.querySelectorAll("tbody tr")].some(({ innerText }) => innerText.includes("Plays")));
    return { onHeading, who, ring, inQuestion, after, still, question, focus: await focused() };
  },

  /** A plugin is dropped, gets a new version, goes back, is switched off and on; and files that are none. */
  async plugins() {
    const { component, manifest, second, broken, crooked } = options.files;
    await at("plugins");
    await heading("Plugins");
    await drop([component, manifest]);
    const name = await until("the name", () => document.querySelector(".looked-over:not([hidden]) input")?.value);
    await uploaded("door is in service: generation 1.");
    await (await page.waitForSelector(".plugin h2 a")).click();
    await heading("door");
    await choose([second]);
    await uploaded("door is in service: generation 2.");
    await press("Roll back: door");
    await agree("Roll back");
    await shows("door went back: generation");
    await press("Disable door");
    await agree("Disable");
    await shows("door is disabled.");
    const off = await until("the state", () => document.querySelector(".title-row .pill").innerText === "Disabled");
    await press("Enable door");
    await until("the plugin in service", () => /^door is in service: generation \d+\.$/.test(document.querySelector(".deeds .said").innerText));
    await choose([broken]);
    await uploaded("it is no WebAssembly file");
    await press("Cancel");
    await choose([crooked]);
    await uploaded("door.toml:1");
    const refusal = await page.evaluate(() => document.querySelector(".upload .said").innerText);
    const injected = await page.evaluate(() => document.querySelectorAll("#section img, #section b").length);
    const log = await until("the log", () => document.querySelector(".log")?.innerText);
    return { name, off, refusal, injected, log, overflow: await overflow() };
  },

  /** A version in the shadow, where it differs, its promotion and the way back, and a canary. */
  async rollout() {
    const { whep, offer, token, file, third } = options;
    const join = async () => {
      const headers = { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` };
      return (await fetch(whep, { method: "POST", headers, body: offer })).status;
    };
    const mode = async (value) => {
      const choice = await page.waitForSelector(`.rollout:not([hidden]) input[value="${value}"]`);
      await choice.evaluate((element) => element.focus());
      await page.keyboard.press("Space");
    };
    await at("plugins/door");
    await heading("door");
    await mode("shadow");
    await press("Apply");
    await shows("New versions run in shadow.");
    await choose([file]);
    await uploaded("is there as a candidate.");
    await shows("In shadow for");
    const joined = await join();
    const differing = await until("a decision that differs", () => {
      const row = document.querySelector('table[aria-label="Decisions that differ"] tbody tr');
      return row?.offsetParent && row.innerText;
    });
    await press("Promote the candidate of door");
    await agree("Promote");
    await shows("is in service for all.");
    await page.setViewport({ width: 360, height: 740 });
    const over = await overflow();
    await page.setViewport({ width: 1280, height: 900 });
    await press("Roll back: door");
    await agree("Roll back");
    await shows("door went back");
    await mode("canary");
    const share = await page.waitForSelector("::-p-aria(Share of new sessions, %)");
    await share.click({ count: 3 });
    await share.type("250");
    await press("Apply");
    await shows("The share is a number above 0 and up to 100");
    await share.click({ count: 3 });
    await share.type("50");
    await press("Apply");
    await shows("New versions get 50 % of new sessions.");
    await choose([third]);
    await uploaded("is there as a candidate.");
    await shows("Decides for 50 % of new sessions");
    await press("Drop candidate: door");
    await agree("Drop it");
    await shows("The candidate is gone.");
    return { joined, differing, over };
  },

  /** What happens is told as it happens, resumed, and filtered by kind. */
  async events() {
    await at("events");
    await heading("Events");
    await shows("Live");
    // What was before is told too.
    const before = await until("the viewer's start", () => document.querySelector('.events li[data-kind="session.started"]')?.innerText);
    const api = new URL("/api/v1/sessions", options.url);
    const { sessions } = await (await fetch(api)).json();
    await fetch(`${api}/${sessions.find(({ action }) => action === "play").id}`, { method: "DELETE", headers: { "X-Wasmcast": "1" } });
    const after = await until("the viewer's end", () => document.querySelector('.events li[data-kind="session.ended"]')?.innerText);
    await at("overview");
    await heading("Overview");
    await at("events");
    await until("the same events again", () => document.querySelector('.events li[data-kind="session.ended"]'));
    await (await page.waitForSelector("::-p-aria(Kind)")).type("plugin.*");
    await press("Apply");
    await until("nothing else", () => document.querySelector(".title-row .pill").innerText === "Live" && ![...document.querySelectorAll(".events li")].some(({ dataset }) => !dataset.kind.startsWith("plugin.")));
    await page.setViewport({ width: 360, height: 740 });
    return { before, after, over: await overflow() };
  },

  /** What strangers say is text. */
  async text() {
    await at("sessions");
    await (await page.waitForSelector("tbody tr a")).click();
    await shows("How it was decided");
    const shown = await until("the user agent", (words) => document.body.innerText.includes(words), options.words);
    return { shown, injected: await page.evaluate(() => document.querySelectorAll("#section img").length), ran: await page.evaluate(() => Boolean(window.ran)) };
  },

  /** The token: none, a wrong one, the right one, forgotten. */
  async login() {
    await shows("This server wants the token");
    const hidden = await page.evaluate(() => document.getElementById("sections").hidden && document.getElementById("section").childElementCount === 0);
    await page.keyboard.type("a-wrong-token");
    await page.keyboard.press("Enter");
    await shows("This token does not open this server.");
    await page.keyboard.type("not a token");
    await page.keyboard.press("Enter");
    await shows("This is no token");
    await page.keyboard.type(options.token);
    await page.keyboard.press("Enter");
    await heading("Overview");
    await page.reload();
    await heading("Overview");
    const inAddress = page.url().includes(options.token);
    await at("plugins");
    await heading("Plugins");
    await press("Disable door");
    await agree("Disable");
    await shows("door is disabled.");
    await press("Forget the token");
    await shows("This server wants the token");
    return { hidden, inAddress, kept: await page.evaluate(() => sessionStorage.length) };
  },
};

try {
  await page.goto(options.url, { waitUntil: "domcontentloaded", timeout: options.patience * 1000 });
  const seen = await roles[options.role]();
  // What was refused on purpose stands in the browser's console too.
  const unexpected = wrong.filter((words) => !/status of (401|404|409|422)/.test(words));
  console.log(JSON.stringify({ ...seen, wrong: unexpected }));
} catch (error) {
  console.error(`${error.stack ?? error}\nthe console of the browser:\n${wrong.join("\n")}\nthe page:\n${await text().catch(() => "")}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
