/* SPDX-License-Identifier: MIT
 * Everything that a web page of a stranger can send without being asked. Each row adds a download that bears its name, and says
 * what it could read of the answer. */
"use strict";

const target = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const $ = (id) => document.getElementById(id);

const paramsOf = (name) => [["http://127.0.0.1:1/" + name]];
const textOf = (name) => JSON.stringify({ jsonrpc: "2.0", id: "s", method: "aria2.addUri", params: paramsOf(name) });
const queryOf = (name) => "?method=aria2.addUri&id=s&params=" + encodeURIComponent(btoa(JSON.stringify(paramsOf(name))));
const xmlOf = (name) => "<?xml version='1.0'?><methodCall><methodName>aria2.addUri</methodName><params><param><value><array><data>" +
  "<value><string>" + paramsOf(name)[0][0] + "</string></value></data></array></value></param></params></methodCall>";

const read = (url, options) => fetch(url, options).then((r) => r.text());
const post = (body, options) => ({ method: "POST", body, ...options });
const json = { headers: { "Content-Type": "application/json" } };
/* A frame whose answer the browser would rather save than show says nothing. */
const frameTime = () => new Promise((done) => setTimeout(done, 500, ""));

/* An element that loads something; over when it has, or has failed to. */
function element(name, fields) {
  return new Promise((done) => {
    const e = document.createElement(name);
    e.onload = e.onerror = () => done("");
    $("stage").append(Object.assign(e, fields));
  });
}

/* A form that is sent into a frame. What text/plain makes of a field is NAME=VALUE: the "=" is made part of the text. */
function formPost(name, action, rel) {
  const [before, after] = textOf(name).replace('"id"', '"x=":1,"id"').split("=");
  const frame = Object.assign(document.createElement("iframe"), { name: "f" + Math.random() });
  const form = Object.assign(document.createElement("form"),
    { action, method: "POST", enctype: "text/plain", target: frame.name });
  if (rel) form.rel = rel;
  form.append(Object.assign(document.createElement("input"), { name: before, value: after }));
  $("stage").append(frame, form);
  return Promise.race([frameTime(), new Promise((done) => {
    frame.onload = () => done("");
    form.submit();
  })]);
}

/* The same from a frame without an origin: what it reads comes by message. */
function sandboxed(name) {
  return new Promise((done) => {
    const srcdoc = "<script>fetch(" + JSON.stringify(target.http) + ", {method: 'POST', body: " + JSON.stringify(textOf(name)) +
      "}).then((r) => r.text(), () => '').then((t) => parent.postMessage(t, '*'))<\/script>";
    addEventListener("message", (m) => done(m.data), { once: true });
    $("stage").append(Object.assign(document.createElement("iframe"), { sandbox: "allow-scripts", srcdoc }));
  });
}

function socket(name) {
  return new Promise((done) => {
    const w = new WebSocket(target.ws);
    w.onopen = () => w.send(textOf(name));
    w.onmessage = (m) => done(m.data);
    w.onclose = () => done("");
  });
}

async function callback(name) {
  let got = "";
  window.taken = (answer) => { got = JSON.stringify(answer); };
  await element("script", { src: target.http + queryOf(name) + "&jsoncallback=taken" });
  return got;
}

const attempts = {
  "post-json": (n) => read(target.http, post(textOf(n), json)),
  "post-plain": (n) => read(target.http, post(textOf(n))),
  "post-blind": (n) => read(target.http, post(textOf(n), { mode: "no-cors" })),
  "post-no-referrer": (n) => read(target.http, post(textOf(n), { mode: "no-cors", referrerPolicy: "no-referrer" })),
  "post-sent-on": (n) => read(target.go + encodeURIComponent(target.http), post(textOf(n))),
  "post-xml": (n) => read(target.http.replace("/jsonrpc", "/rpc"), post(xmlOf(n))),
  "beacon": async (n) => { navigator.sendBeacon(target.http, textOf(n)); return ""; },
  "form-post": (n) => formPost(n, target.http),
  "form-post-no-referrer": (n) => formPost(n, target.http, "noreferrer"),
  "form-post-sent-on": (n) => formPost(n, target.go + encodeURIComponent(target.http)),
  "get": (n) => read(target.http + queryOf(n)),
  "get-blind": (n) => read(target.http + queryOf(n), { mode: "no-cors" }),
  "get-sent-on": (n) => read(target.go + encodeURIComponent(target.http + queryOf(n))),
  "get-no-referrer": (n) => read(target.http + queryOf(n), { mode: "no-cors", referrerPolicy: "no-referrer" }),
  "image": (n) => element("img", { src: target.http + queryOf(n) }),
  "script": (n) => element("script", { src: target.http + queryOf(n) }),
  "callback": callback,
  "style": (n) => element("link", { rel: "stylesheet", href: target.http + queryOf(n) }),
  "frame": (n) => Promise.race([frameTime(), element("iframe", { src: target.http + queryOf(n) })]),
  "sandboxed": sandboxed,
  "socket": socket,
};

async function attempt([name, go]) {
  const text = await go(name).catch(() => "");
  $("read").append(Object.assign(document.createElement("li"), { textContent: name + ": " + text }));
}

Promise.all(Object.entries(attempts).map(attempt)).then((all) => {
  $("state").textContent = "tried " + all.length;
});
