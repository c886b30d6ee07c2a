//! Traces in the form of OTLP 1.x, by the official types.

use super::super::record::Finished;
use super::super::span::{SpanData, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode,
};

/// Who sends the traces.
pub(super) struct Source {
    resource: Resource,
    scope: InstrumentationScope,
}

/// The trace's flag that it is sampled (W3C Trace Context, 3.2.2.5).
const SAMPLED: u32 = 1;

impl Source {
    /// `node`: the name of this server.
    pub(super) fn new(node: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let attributes = [("service.name", "wasmcast"), ("service.version", version), ("service.instance.id", node)];
        let attributes = attributes.map(|(key, value)| entry(key, &Value::from(value))).to_vec();
        let resource = Resource { attributes, ..Resource::default() };
        let (name, version) = ("wasmcast".to_owned(), version.to_owned());
        Source { resource, scope: InstrumentationScope { name, version, ..InstrumentationScope::default() } }
    }

    /// A request with these traces.
    pub(super) fn request<'a>(&self, traces: impl Iterator<Item = &'a Finished>) -> ExportTraceServiceRequest {
        let spans = traces.flat_map(|trace| trace.spans.iter().map(|data| span(trace, data))).collect();
        let scope_spans = ScopeSpans { scope: Some(self.scope.clone()), spans, ..ScopeSpans::default() };
        let resource = Some(self.resource.clone());
        let resource_spans =
            vec![ResourceSpans { resource, scope_spans: vec![scope_spans], ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }
    }
}

fn span(trace: &Finished, data: &SpanData) -> Span {
    let is_root = data.id == trace.root;
    let served = ["whip.", "whep.", "session.request", "api."].iter().any(|begin| trace.name.starts_with(begin));
    let kind = if is_root && served { SpanKind::Server } else { SpanKind::Internal };
    let mut attributes: Vec<KeyValue> = data.attributes.iter().map(|(key, value)| entry(key, value)).collect();
    if is_root && trace.left_out > 0 {
        attributes.push(entry("wasmcast.spans_left_out", &Value::from(u64::from(trace.left_out))));
    }
    Span {
        trace_id: trace.id.0.to_vec(),
        span_id: data.id.0.to_vec(),
        parent_span_id: data.parent.map_or_else(Vec::new, |parent| parent.0.to_vec()),
        flags: SAMPLED,
        name: data.name.to_string(),
        kind: kind.into(),
        start_time_unix_nano: data.started_unix_ns,
        end_time_unix_nano: data.ended_unix_ns(),
        attributes,
        status: data.error.as_ref().map(|why| Status { message: why.clone(), code: StatusCode::Error.into() }),
        ..Span::default()
    }
}

fn entry(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(text.clone()),
        Value::Number(number) => any_value::Value::IntValue(*number),
        Value::Flag(flag) => any_value::Value::BoolValue(*flag),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
