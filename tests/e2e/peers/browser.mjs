// Opens one of our pages in Chromium or Firefox. As a viewer it measures for some seconds and prints one JSON line; as a
// publisher it prints {"ready":true} when connected and stays until it is ended. With the role `restart` it restarts the ICE of
// a viewer and tells what arrives before and after. With the role `move` it says `ready`, waits until its path is cut off, tells the page of
// another network unless that is `real`, and what was missing until it played on. With the role `trickle` it publishes with candidates that come after the offer,
// restarts ICE, tells both as `ready`, and stays. With the role `simulcast` it publishes layers and stays. With the
// role `endure` it plays in bad weather and tells how that went. With the
// role `menu` it chooses each size in the player's menu. With the role `change` it views one layer after the other, and tells what it saw of each. With the role `look` it waits until the text
// of the page has a word, and prints the text and the links. With the role `follow` it prints a line of JSON four times a second with
// what the player is at and what it has received so far, until it is ended. `relay` closes every path but those by a TURN server.
//   node browser.mjs '{"browser":"chromium","role":"play","url":"http://...","seconds":4,"profile":"/tmp/..."}'
import { createRequire } from "node:module";
import {
  change, connected, connectedViewer, endure, look, measure, menu, move, observe, prelude, restart, simulcast, trickle,
} from "./in_page.mjs";

const options = { browser: "chromium", seconds: 4, patience: 20, kinds: ["audio", "video"], ...JSON.parse(process.argv[2]) };
const puppeteer = createRequire(process.env.NODE_PATH + "/")("puppeteer-core");

const chromium = () =>
  puppeteer.launch({
    browser: "chrome",
    executablePath: "/usr/bin/chromium",
    // A pipe instead of a port: when this process dies, the browser does too.
    pipe: true,
    userDataDir: options.profile,
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--disable-background-timer-throttling",
      "--disable-renderer-backgrounding",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      "--autoplay-policy=no-user-gesture-required",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
      "--allow-loopback-in-peer-connection",
      ...(options.args ?? []),
    ],
  });

const firefox = () =>
  puppeteer.launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    userDataDir: options.profile,
    headless: true,
    extraPrefsFirefox: {
      "media.autoplay.default": 0,
      "media.autoplay.blocking_policy": 0,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
      "media.gmp-manager.updateEnabled": false,
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "network.proxy.type": 0,
    },
  });

const browser = await (options.browser === "firefox" ? firefox() : chromium());
const words = [];
try {
  const page = await browser.newPage();
  page.on("console", (message) => words.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => words.push(`error: ${error}`));
  await page.evaluateOnNewDocument(prelude, options);
  await page.goto(options.url, { waitUntil: "domcontentloaded", timeout: options.patience * 1000 });
  if (options.role === "publish") {
    const ready = await page.evaluate(connected, options.patience);
    console.log(JSON.stringify(ready));
    if (!ready.ready) throw new Error("the page did not connect");
    await new Promise((end) => process.stdin.on("close", end).resume());
  } else if (options.role === "restart") {
    const report = await page.evaluate(restart, options);
    console.log(JSON.stringify(report));
    if (report.error) throw new Error(report.error);
  } else if (options.role === "move") {
    await page.evaluate(connectedViewer, options);
    console.log(JSON.stringify({ ready: true }));
    const report = await page.evaluate(move, options);
    console.log(JSON.stringify(report));
    if (report.error) throw new Error(report.error);
  } else if (options.role === "trickle") {
    const sent = await page.evaluate(trickle, options);
    if (sent.error) throw new Error(JSON.stringify(sent));
    const report = await page.evaluate(restart, options);
    if (report.error) throw new Error(report.error);
    console.log(JSON.stringify({ ready: true, ...sent, ...report }));
    await new Promise((end) => process.stdin.on("close", end).resume());
  } else if (options.role === "simulcast") {
    const ready = await page.evaluate(simulcast, options);
    console.log(JSON.stringify(ready));
    if (!ready.ready) throw new Error("the layers are not all sent");
    await new Promise((end) => process.stdin.on("close", end).resume());
  } else if (options.role === "change") {
    const report = await page.evaluate(change, options);
    console.log(JSON.stringify(report));
    if (report.error) throw new Error(report.error);
  } else if (options.role === "menu") {
    const report = await page.evaluate(menu, options);
    console.log(JSON.stringify(report));
    if (report.error) throw new Error(report.error);
  } else if (options.role === "endure") {
    const report = await page.evaluate(endure, options);
    console.log(JSON.stringify(report));
    if (report.error) throw new Error(report.error);
  } else if (options.role === "follow") {
    let ended = false;
    process.stdin.on("close", () => (ended = true)).resume();
    for (let line = 1; !ended; line += 1) {
      console.log(JSON.stringify({ line, ...(await page.evaluate(observe)) }));
      await new Promise((next) => setTimeout(next, 250));
    }
  } else if (options.role === "look") {
    console.log(JSON.stringify({ ...(await page.evaluate(look, options)), errors: words.filter((word) => word.startsWith("error")) }));
  } else {
    const report = await page.evaluate(measure, options);
    report.peer = options.browser;
    console.log(JSON.stringify(report));
    if (report.error) throw new Error(report.error);
  }
} catch (error) {
  console.error(`${error}\nthe page said:\n${words.join("\n")}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
