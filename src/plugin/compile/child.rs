//! Compiling in a process of its own, so that a component which costs too much takes nobody with it: both its ends.

use crate::plugin::engine;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Means {
    /// CPU time, in seconds.
    pub(super) cpu_s: u64,
    /// Address space, in MiB.
    pub(super) memory_mib: u64,
}

/// Why there is no compiled code.
#[derive(Debug)]
pub(super) enum Failed {
    /// No process can be had.
    NoChild(io::Error),
    /// It did not do with the CPU time, ...
    Cpu,
    /// ... with the memory, or its code is too large.
    Memory,
    /// The compiler says no.
    Refused(String),
}

/// Native code of one component; a file of 64 MiB has some five times as much.
const MAX_CODE: u64 = 512 << 20;
/// Of what the compiler complains.
const MAX_COMPLAINT: usize = 4 << 10;

/// Compiles in a new process of this program, which has `plugin compile`. Blocks.
pub(super) fn compile(program: &Path, component: &[u8], means: Means) -> Result<Vec<u8>, Failed> {
    let mut command = Command::new(program);
    command.args(["plugin", "compile", "--cpu-s", &means.cpu_s.to_string()]);
    command.args(["--memory-mib", &means.memory_mib.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Failed::NoChild)?;
    let ended = talk(&mut child, component);
    if !matches!(&ended, Ok((code, _)) if code.len() as u64 <= MAX_CODE) {
        let _ = child.kill();
    }
    let status = child.wait().map_err(Failed::NoChild)?;
    let (code, complaint) = ended.map_err(|error| Failed::Refused(format!("the compiler was not heard: {error}")))?;
    judge(status, &complaint)?;
    if code.len() as u64 > MAX_CODE { Err(Failed::Memory) } else { Ok(code) }
}

/// Hands the component over, and takes the code and what the compiler says.
fn talk(child: &mut Child, component: &[u8]) -> io::Result<(Vec<u8>, String)> {
    if let Some(mut stdin) = child.stdin.take() {
        // It reads all before it answers. One that ended early tells why by its status.
        let _ = stdin.write_all(component);
    }
    let (mut code, mut complaint) = (Vec::new(), Vec::new());
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_CODE + 1).read_to_end(&mut code)?;
    }
    if code.len() as u64 <= MAX_CODE
        && let Some(stderr) = child.stderr.take()
    {
        stderr.take(MAX_COMPLAINT as u64).read_to_end(&mut complaint)?;
    }
    Ok((code, String::from_utf8_lossy(&complaint).trim().to_owned()))
}

/// What the end of the process means.
fn judge(status: ExitStatus, complaint: &str) -> Result<(), Failed> {
    let no_memory = ["memory allocation of", "annot allocate memory", "out of memory"];
    let ended_by = |signal: Signal| status.signal() == Some(signal.as_raw());
    if status.success() {
        Ok(())
    } else if ended_by(Signal::XCPU) {
        Err(Failed::Cpu)
    } else if ended_by(Signal::KILL) || no_memory.iter().any(|words| complaint.contains(words)) {
        // Killed by the kernel, which was asked to take this process first.
        Err(Failed::Memory)
    } else if status.signal().is_some() {
        Err(Failed::Refused(format!("the compiler broke off ({status})")))
    } else {
        Err(Failed::Refused(complaint.to_owned()))
    }
}

/// The other end: compiles what comes on stdin, within limits, and writes native code to stdout. For a process that does nothing else.
pub fn compile_child(cpu_s: u64, memory_mib: u64) -> ExitCode {
    limit(cpu_s, memory_mib);
    let work = || -> Result<(), String> {
        let mut component = Vec::new();
        io::stdin().read_to_end(&mut component).map_err(|error| error.to_string())?;
        let code = engine::throwaway().and_then(|engine| engine.precompile_component(&component));
        let code = code.map_err(|error| format!("{error:#}"))?;
        io::stdout().write_all(&code).and_then(|()| io::stdout().flush()).map_err(|error| error.to_string())
    };
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(mut complaint) => {
            complaint.truncate(complaint.floor_char_boundary(MAX_COMPLAINT));
            let _ = io::stderr().write_all(complaint.as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// Binds this process. What the system does not allow is left: compiling unbound is what it was like without.
fn limit(cpu_s: u64, memory_mib: u64) {
    let most = |resource, most: u64| {
        let maximum = getrlimit(resource).maximum;
        let _ = setrlimit(resource, Rlimit { current: Some(maximum.map_or(most, |max| max.min(most))), maximum });
    };
    most(Resource::Cpu, cpu_s);
    most(Resource::As, memory_mib << 20);
    most(Resource::Core, 0);
    // When the server ends nobody wants the code any more.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    // Where memory ends, this process is to go, not the server.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_compiler_is_told_in_words() {
        let rows = [
            (0, "", "Ok(())"),
            (24, "", "Err(Cpu)"),
            (9, "", "Err(Memory)"),
            (6, "memory allocation of 8 bytes failed", "Err(Memory)"),
            (1 << 8, "mmap failed: Cannot allocate memory (os error 12)", "Err(Memory)"),
            (1 << 8, "unsupported", "Err(Refused(\"unsupported\"))"),
            (6, "panicked", "Err(Refused(\"the compiler broke off (signal: 6 (SIGABRT))\"))"),
            (11 | 128, "", "Err(Refused(\"the compiler broke off (signal: 11 (SIGSEGV) (core dumped))\"))"),
        ];
        for (raw, complaint, expected) in rows {
            assert_eq!(format!("{:?}", judge(ExitStatus::from_raw(raw), complaint)), expected, "{raw} {complaint}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_told_apart() {
        let means = Means { cpu_s: 1, memory_mib: 64 };
        assert!(matches!(compile(Path::new("/no/such/program"), b"", means), Err(Failed::NoChild(_))));
    }
}
