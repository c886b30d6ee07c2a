//! What the kernel counts for this process, under the names that every Prometheus dashboard knows.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Reads /proc when metrics are read; leaves out what can not be read.
#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    pub(super) fn new() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Process { started }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)) {
            let help = "CPU time that the process used, user and system";
            encoder
                .encode_descriptor("process_cpu", help, Some(&Unit::Seconds), MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&seconds, None)?;
        }
        let mut gauge = |name: &str, unit: Option<Unit>, help: &str, value: Option<f64>| match value {
            None => Ok(()),
            Some(value) => {
                encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?.encode_gauge(&value)
            }
        };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
        let resident = status_value(&status, "VmRSS:").map(|kib| kib * 1024.0);
        gauge("process_resident_memory", Some(Unit::Bytes), "Memory of the process that is in RAM", resident)?;
        gauge("process_threads", None, "Threads of the process", status_value(&status, "Threads:"))?;
        gauge("process_open_fds", None, "Open file descriptors", open)?;
        gauge("process_max_fds", None, "The limit of open file descriptors", max_fds(&limits))?;
        gauge("process_start_time", Some(Unit::Seconds), "When the process started, since 1970", Some(self.started))
    }
}

/// What the process uses now; what can not be read is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU time since the start, user and system.
    pub cpu_seconds: Option<f64>,
    /// Memory that is in RAM.
    pub resident_bytes: Option<u64>,
    pub threads: Option<u64>,
    pub open_fds: Option<u64>,
    /// The limit of open file descriptors.
    pub max_fds: Option<u64>,
}

impl Usage {
    /// Reads /proc.
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let whole = |value: f64| value as u64;
        Usage {
            cpu_seconds: fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)),
            resident_bytes: status_value(&status, "VmRSS:").map(|kib| whole(kib * 1024.0)),
            threads: status_value(&status, "Threads:").map(whole),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64),
            max_fds: max_fds(&limits).map(whole),
        }
    }
}

/// Ticks a second in /proc: 100 in the Linux user space interface, whatever the kernel's own rate.
const TICKS: f64 = 100.0;

/// User and system time of `/proc/self/stat`, fields 14 and 15; the second field may hold spaces and parentheses.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

fn status_value(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read() {
        let stat = "7 (a ) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 150 0 0 20 0 3 0 99 1 2";
        assert_eq!(cpu_seconds(stat), Some(4.0));
        assert_eq!(cpu_seconds("7 (x"), None);
        assert_eq!(cpu_seconds("7 (x) S 1"), None);
        assert_eq!(status_value("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t9\n", "VmRSS:"), Some(2048.0));
        assert_eq!(status_value("", "VmRSS:"), None);
        assert_eq!(max_fds("Limit  Soft Hard\nMax open files            1024      4096     files\n"), Some(1024.0));
        assert_eq!(max_fds("Max open files            unlimited unlimited files\n"), None);
    }
}
