//! Traces of control work: spans are recorded, held until it is known which traces are worth keeping, and exported.
//!
//! A trace is recorded only while there is an exporter; without one a span is an empty handle. Media packets never are in
//! any. Everything is bounded: spans of a trace, traces that are open or held, their bytes, and what waits for export.

mod context;
pub mod export;
mod record;
mod sampler;
mod span;
mod summary;
mod tail;
mod usual;

pub use context::{Parent, SpanId, TraceId};
pub use export::{Exporter, Exporting};
pub use record::{Finished, Queue, Span, Tracer, child, current, root, timed, within};
pub use sampler::{Anomaly, Sampler, Verdict, gravest};
pub use span::{SpanData, Value};
pub use summary::Summary;
pub use tail::{Settings, Share, run};
