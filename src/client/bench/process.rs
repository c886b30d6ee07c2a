//! Reads what a process and its descendants use, from /proc.

use std::collections::HashMap;
use std::fs;

/// Clock ticks a second in /proc: fixed at 100 for all of Linux's user-space interfaces.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process and its descendants have used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub user_s: f64,
    pub system_s: f64,
    pub rss_kb: u64,
    pub threads: u64,
    pub processes: u64,
}

impl Usage {
    /// Of a process and all its descendants; `None`: it does not exist.
    pub fn of_tree(root: u32) -> Option<Usage> {
        let stats = fs::read_dir("/proc").ok()?;
        let stats: HashMap<u32, Stat> = stats
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid: u32| Some((pid, Stat::read(pid)?)))
            .collect();
        stats.get(&root)?;
        let mut usage = Usage::default();
        for (pid, stat) in &stats {
            if descends(&stats, *pid, root) {
                usage.user_s += stat.user_ticks as f64 / TICKS_PER_SECOND;
                usage.system_s += stat.system_ticks as f64 / TICKS_PER_SECOND;
                usage.threads += stat.threads;
                usage.rss_kb += rss_kb(*pid);
                usage.processes += 1;
            }
        }
        Some(usage)
    }

    /// Of this process alone.
    pub fn own() -> Usage {
        let pid = std::process::id();
        let stat = Stat::read(pid).unwrap_or_default();
        Usage {
            user_s: stat.user_ticks as f64 / TICKS_PER_SECOND,
            system_s: stat.system_ticks as f64 / TICKS_PER_SECOND,
            rss_kb: rss_kb(pid),
            threads: stat.threads,
            processes: 1,
        }
    }

    /// CPU seconds in user and kernel mode.
    pub fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
}

/// The fields of /proc/PID/stat that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stat {
    parent: u32,
    user_ticks: u64,
    system_ticks: u64,
    threads: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Stat> {
        Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The command's name, in parentheses, may hold spaces and parentheses itself.
    fn parse(text: &str) -> Option<Stat> {
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Stat {
            parent: u32::try_from(number(1)?).ok()?,
            user_ticks: number(11)?,
            system_ticks: number(12)?,
            threads: number(17)?,
        })
    }
}

fn descends(stats: &HashMap<u32, Stat>, mut pid: u32, root: u32) -> bool {
    // Bounded, since the snapshot is not atomic and could hold a circle.
    for _ in 0..64 {
        if pid == root {
            return true;
        }
        match stats.get(&pid) {
            Some(stat) => pid = stat.parent,
            None => return false,
        }
    }
    false
}

fn rss_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        let line = "42 (a) b (c)) S 7 1 1 0 -1 0 0 0 0 0 120 30 0 0 20 0 5 0 100 1000 200";
        let stat = Stat { parent: 7, user_ticks: 120, system_ticks: 30, threads: 5 };
        assert_eq!(Stat::parse(line), Some(stat));
        assert_eq!(Stat::parse("42 (a) S"), None);
    }

    #[test]
    fn sees_itself_and_no_ghost() {
        let own = Usage::own();
        let tree = Usage::of_tree(std::process::id()).unwrap();
        assert!(own.rss_kb > 100 && tree.rss_kb > 100 && tree.processes >= 1);
        assert_eq!(Usage::of_tree(u32::MAX), None);
    }
}
