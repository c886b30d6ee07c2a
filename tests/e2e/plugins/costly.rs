//! Files that cost more to compile than they may.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::folder::{Folder, status, wait_status};
use crate::scratch::Scratch;
use crate::server::wasmcast;

/// A sound plugin that takes a moment to compile.
fn sound() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/plugins/auth-token.wasm");
    fs::read(path).expect("a component that comes with the tests")
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// The plugin with a module beside it of so many functions, each of 25 kB: loops over 2,000 locals, which take a compiler two
/// seconds and 200 MB.
fn costly(functions: usize) -> Vec<u8> {
    const LOCALS: usize = 2_000;
    const SIZE: usize = 25_000;
    let mut code = [leb(1), leb(LOCALS - 1), vec![0x7f]].concat();
    let mut turn = 0;
    while code.len() < SIZE {
        let (a, b) = (turn % LOCALS, (turn * 977 + 3) % LOCALS);
        code.extend([0x03, 0x40, 0x20]);
        code.extend(
            [leb(a), vec![0x20], leb(b), vec![0x6a, 0x21], leb((a * 31 + b) % LOCALS), vec![0x20], leb(b)].concat(),
        );
        code.extend([0x0d, 0x00, 0x0b]);
        turn += 1;
    }
    code.push(0x0b);
    let section = |id: u8, bytes: &[u8]| [&[id][..], &leb(bytes.len()), bytes].concat();
    let bodies = [leb(functions), [leb(code.len()), code].concat().repeat(functions)].concat();
    let declared = [leb(functions), vec![0; functions]].concat();
    let types = section(1, &[1, 0x60, 1, 0x7f, 0]);
    let module = [b"\0asm\x01\0\0\0".to_vec(), types, section(3, &declared), section(10, &bodies)].concat();
    [sound(), section(1, &module)].concat()
}

#[test]
fn compiling_ends_with_its_cpu_time() {
    const SIGXCPU: i32 = 24;
    let scratch = Scratch::new();
    let file = scratch.write("costly.wasm", costly(10));
    let mut command = wasmcast();
    command.args(["plugin", "compile", "--cpu-s", "1", "--memory-mib", "4096"]);
    let status = command
        .stdin(File::open(file).expect("just written"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the binary under test");
    assert_eq!(status.signal(), Some(SIGXCPU), "{status}");
}

#[test]
fn a_costly_component_holds_up_no_swap_and_grows_no_server() {
    let folder = Folder::new();
    let server = folder.setup().start();
    folder.file("costly", &costly(20));
    wait_status(&server, "costly", "is on its way", |status| status["state"] == "loading");
    folder.manifest("door", "[config]\ntoken = \"secret\"\n");
    folder.file("door", &sound());
    // The costly one has its first few seconds before, of the CPU time that a busy machine leaves.
    server.wait_for_long("the other plugin in service", Duration::from_secs(120), || {
        let door = status(&server, "door");
        if door["state"] == "active" { Ok(()) } else { Err(door.to_string()) }
    });
    let costly = status(&server, "costly");
    assert_eq!(costly["state"], "loading", "{costly}");
    let peak = fs::read_to_string(format!("/proc/{}/status", server.process.id())).expect("a process that runs");
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line of it");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 512 << 10, "the compiler's memory is not the server's: {kib} KiB");
    server.stop();
}
