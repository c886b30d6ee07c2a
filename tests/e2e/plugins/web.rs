//! An HTTP server of a test's own: answers as the test says, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What it answers.
pub struct Said {
    pub status: u16,
    pub headers: String,
    pub body: String,
    /// Waits so long first.
    pub after: Duration,
}

impl Said {
    pub fn json(body: &Value) -> Self {
        Said { status: 200, headers: String::new(), body: body.to_string(), after: Duration::ZERO }
    }

    pub fn header(mut self, line: &str) -> Self {
        self.headers += &format!("{line}\r\n");
        self
    }
}

type Answer = dyn Fn(&Asked) -> Said + Send + Sync;

pub struct Web {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    down: Arc<AtomicBool>,
}

impl Web {
    /// Starts it on a free port of loopback. It ends with the test's process.
    pub fn start(answer: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (asked, down, answer) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)), Arc::new(answer));
        let web = Web { address, asked: asked.clone(), down: down.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, down, answer) = (asked.clone(), down.clone(), answer.clone());
                thread::spawn(move || serve(stream, &asked, &down, &*answer));
            }
        });
        web
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The lines of a manifest that let a plugin ask it.
    pub fn grants(&self) -> String {
        format!("[grants]\nkv = {{}}\nhttp = [{{ origin = \"{}\", private = true }}]\n", self.url(""))
    }

    /// Closes connections unanswered from now on, or answers again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panics while holding it").clone()
    }
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>, down: &AtomicBool, answer: &Answer) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        asked.lock().expect("nobody panics while holding it").push(request.clone());
        if down.load(Ordering::Relaxed) {
            return;
        }
        let said = answer(&request);
        thread::sleep(said.after);
        let (status, headers, length) = (said.status, said.headers, said.body.len());
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        if reader.get_mut().write_all((head + &said.body).as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { path, headers, body })
}
