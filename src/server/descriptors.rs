//! Open files: the limit of this process is raised as far as it may be, and connections are given their share of it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept back for all that is no connection of a visitor: shards, plugins' files and requests, the operator's listener (256), the
/// configuration, logs. So the operator gets in while visitors take all that they may.
const RESERVED: u64 = 640;
/// However few there are, so many connections are tried.
const LEAST: u64 = 64;

/// Raises the soft limit to the hard one. Returns how many connections of visitors fit below it: half, since each viewer by
/// TCP is an open file as well.
pub(super) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit of open files could not be raised; `ulimit -n` or LimitNOFILE sets it");
    }
    room(getrlimit(Resource::Nofile).current)
}

/// `limit`: open files; none: no limit.
fn room(limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return usize::MAX };
    usize::try_from((limit.saturating_sub(RESERVED) / 2).max(LEAST)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_operator() {
        let rows = [(None, usize::MAX), (Some(1_048_576), 523_968), (Some(1_024), 192), (Some(100), 64)];
        for (limit, expected) in rows {
            assert_eq!(room(limit), expected, "{limit:?}");
        }
    }
}
