//! The interface `log`: entries of plugins go to the server's log and to the plugin's journal, so many a second.

use super::journal::Line;
use super::text::{self, Bounds};
use super::wit::log::{Host, Level};
use super::wit::types::Attribute;
use crate::plugin::guest::Guest;

/// Entries a second of one plugin, all of its instances and generations together.
pub(super) const RATE: u32 = 100;
/// Longest message, in bytes.
const MAX_MESSAGE: usize = 4 << 10;
/// How a Rust panic begins that the SDK logs.
const PANIC: &str = "panicked at ";
/// Longest panic that is kept, in bytes.
const MAX_PANIC: usize = 1 << 10;
const FIELDS: Bounds = Bounds { count: 16, key: 64, value: 1 << 10 };

impl Host for Guest {
    fn write(&mut self, level: Level, message: String, fields: Vec<Attribute>) {
        if matches!(level, Level::Error) && message.starts_with(PANIC) {
            // Hidden before it is cut: half a secret is not found any more.
            self.call.panic = Some(text::cut(self.context.hide(message.clone()), MAX_PANIC));
        }
        let services = self.context.services.clone();
        if !services.logs(grade(level)) {
            return;
        }
        let share = services.share(&self.context.plugin);
        if share.admit_line(services.clock.now()) {
            let line = Line {
                number: 0,
                unix_ms: services.clock.unix_ns() / 1_000_000,
                level: grade(level).name(),
                generation: self.context.generation,
                hook: self.call.hook,
                session: self.call.facts.as_ref().map(|facts| facts.id.clone()),
                trace: self.trace_id().map(str::to_owned),
                message: text::cut(self.context.hide(message), MAX_MESSAGE),
                fields: text::attributes(fields, FIELDS, |text| self.context.hide(text)),
            };
            share.write(grade(level), line);
        }
        share.report_dropped(services.clock.now(), services.clock.unix_ns());
    }

    fn enabled(&mut self, level: Level) -> bool {
        self.context.services.logs(grade(level))
    }
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Grade {
    pub(super) fn name(self) -> &'static str {
        match self {
            Grade::Trace => "trace",
            Grade::Debug => "debug",
            Grade::Info => "info",
            Grade::Warn => "warn",
            Grade::Error => "error",
        }
    }

    /// Whether the server's log takes lines of this grade from plugins.
    pub(super) fn is_logged(self) -> bool {
        use tracing::{Level, enabled};
        match self {
            Grade::Trace => enabled!(target: "plugin", Level::TRACE),
            Grade::Debug => enabled!(target: "plugin", Level::DEBUG),
            Grade::Info => enabled!(target: "plugin", Level::INFO),
            Grade::Warn => enabled!(target: "plugin", Level::WARN),
            Grade::Error => enabled!(target: "plugin", Level::ERROR),
        }
    }
}

fn grade(level: Level) -> Grade {
    match level {
        Level::Trace => Grade::Trace,
        Level::Debug => Grade::Debug,
        Level::Info => Grade::Info,
        Level::Warn => Grade::Warn,
        Level::Error => Grade::Error,
    }
}

/// Hands a line to the server's log.
pub(super) fn emit(plugin: &str, grade: Grade, line: &Line) {
    let fields = text::line(&line.fields);
    let hook = (!line.hook.is_empty()).then_some(line.hook);
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "plugin",
                tracing::Level::$level,
                plugin,
                generation = line.generation,
                hook,
                session = line.session.as_deref(),
                trace = line.trace.as_deref(),
                fields = fields.as_deref(),
                "{}",
                line.message
            )
        };
    }
    match grade {
        Grade::Trace => event!(TRACE),
        Grade::Debug => event!(DEBUG),
        Grade::Info => event!(INFO),
        Grade::Warn => event!(WARN),
        Grade::Error => event!(ERROR),
    }
}
