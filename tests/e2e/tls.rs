//! HTTPS through the real binary: our own certificate, and files that are renewed, spoiled or expired under it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clients::{browser, python};
use crate::process::Process;
use crate::report::Report;
use crate::server::{Server, Setup};

const PATIENCE: Duration = Duration::from_secs(40);

/// A certificate with its key as PEM, and its SHA-256.
struct Pair {
    cert: String,
    key: String,
    sha256: String,
}

impl Pair {
    fn until(year: i32) -> Self {
        let key = rcgen::KeyPair::generate().expect("the system's random source works");
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let made = params.self_signed(&key).expect("signed");
        let sha256 = Sha256::digest(made.der()).iter().map(|byte| format!("{byte:02x}")).collect();
        Pair { cert: made.pem(), key: key.serialize_pem(), sha256 }
    }

    fn put(&self, setup: &crate::scratch::Scratch) {
        setup.write("cert.pem", &self.cert);
        setup.write("key.pem", &self.key);
    }
}

fn serve(pair: &Pair) -> Server {
    let setup = Setup::new();
    pair.put(setup.scratch());
    let path = |name| setup.scratch().path().join(name).display().to_string();
    let config = format!("http.tls = {{ cert = {:?}, key = {:?} }}", path("cert.pem"), path("key.pem"));
    setup.config(&config).start()
}

/// What a client is offered there.
fn look(at: SocketAddr) -> Value {
    let mut command = python("tls_look.py");
    command.args([at.ip().to_string(), at.port().to_string()]);
    let seen = Process::start("tls client", &mut command).finish(Duration::from_secs(20));
    assert!(seen.status.success(), "{}", seen.log);
    serde_json::from_str(&seen.data[0]).expect("one line of JSON")
}

fn wait_for(server: &Server, pair: &Pair) {
    server.wait_until("the new certificate", || {
        let seen = look(server.http);
        if seen["sha256"] == pair.sha256.as_str() { Ok(()) } else { Err(seen.to_string()) }
    });
}

fn wait_said(server: &Server, words: &str) {
    server.process.wait_for(words, Duration::from_secs(15), |line| line.contains(words).then_some(()));
}

#[test]
fn a_certificate_of_our_own_serves_browsers_that_trust_it() {
    let server = Setup::new().config("http.tls = \"self-signed\"").demo().start();
    server.wait_live("demo");
    let seen = look(server.http);
    let expected = (&json!("http/1.1"), &json!("TLSv1.3"), &json!(200));
    assert_eq!((&seen["protocol"], &seen["tls"], &seen["status"]), expected, "{seen}");
    // The fingerprint that is logged is the one to compare with in the browser.
    let digest = seen["sha256"].as_str().expect("hex").to_uppercase();
    let logged: Vec<&str> = digest.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex")).collect();
    wait_said(&server, &logged.join(":"));
    let url = format!("https://{}/play/demo?muted=1", server.http);
    let options = json!({ "role": "play", "url": url, "seconds": 3, "args": ["--ignore-certificate-errors"] });
    let report = Report::read(browser("chromium", &server, "demo", &options), PATIENCE);
    report.check_alive();
}

#[test]
fn replaced_files_are_taken_without_a_restart_and_bad_ones_are_not() {
    let (first, second, third) = (Pair::until(2096), Pair::until(2097), Pair::until(2098));
    let server = serve(&first);
    wait_for(&server, &first);
    second.put(&server.scratch);
    wait_for(&server, &second);
    wait_said(&server, "certificate reloaded");

    server.scratch.write("cert.pem", &third.cert[..third.cert.len() / 2]);
    wait_said(&server, "the one before stays in use");
    wait_for(&server, &second);
    server.scratch.write("cert.pem", &third.cert);
    wait_said(&server, "does not belong to the certificate");
    wait_for(&server, &second);
    third.put(&server.scratch);
    wait_for(&server, &third);
}

#[test]
fn an_expired_certificate_is_told_and_its_renewal_taken() {
    let (expired, renewed) = (Pair::until(2021), Pair::until(2097));
    let server = serve(&expired);
    wait_said(&server, "the TLS certificate has expired");
    // Who does not look at dates is still served.
    assert_eq!(look(server.http)["sha256"], expired.sha256.as_str());
    renewed.put(&server.scratch);
    wait_for(&server, &renewed);
}
