//! The hook `router`: where a session is served, and what it gets.

use crate::__private::routing;
use crate::bindings::host;
use crate::{Error, Result};

/// The answer of a router that has an opinion: [`route`], with what it says added by the methods.
///
/// ```
/// use wasmcast_plugin::prelude::*;
///
/// let here = route().tag("cohort", "stable");
/// let canary = route().stream_name("cam1-canary").tag("cohort", "canary");
/// let elsewhere = route().node("https://eu-1.example").tag("cohort", "eu");
/// assert!(here != canary && canary != elsewhere);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a route counts only when the hook returns it"]
pub struct Route {
    nodes: Vec<String>,
    stream_name: Option<String>,
    rendition: Option<String>,
    tags: Vec<(String, String)>,
}

/// Serve it here, as it came. What is to be different is added by the methods of [`Route`].
pub fn route() -> Route {
    Route::default()
}

impl Route {
    /// Serve it there: a node by its name, a server by its address (`https://eu-1.example`: the same path there), or a whole
    /// address. May be said up to 8 times, best first: the first that means something to the server holds. The client's
    /// token is not sent along: put what the other server asks for into a whole address.
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.nodes.push(node.into());
        self
    }

    /// As [`node`](Self::node), for each of these.
    pub fn nodes<N: Into<String>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.nodes.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// Play this stream in place of the one asked for. The manifest's `match.stream` must cover it. Publishers keep theirs.
    pub fn stream_name(mut self, name: impl Into<String>) -> Self {
        self.stream_name = Some(name.into());
        self
    }

    /// Start with this rendition, and stay on it. One that the stream does not have is ignored.
    pub fn rendition(mut self, name: impl Into<String>) -> Self {
        self.rendition = Some(name.into());
        self
    }

    /// Something for later plugins, events and the API to know, for the life of the session. `cohort` is a label of the
    /// server's metrics too. A key that auth has set is not replaced.
    pub fn tag(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.tags.push((key.into(), value.to_string()));
        self
    }
}

impl From<Route> for routing::Route {
    fn from(route: Route) -> Self {
        let tags = route.tags.into_iter().map(|(key, value)| host::types::Attribute { key, value }).collect();
        Self { nodes: route.nodes, stream_name: route.stream_name, rendition: route.rendition, tags }
    }
}

/// What a function under [`router`](macro@crate::router) may return: an `Option<Route>`, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a router hook returns `Result<Option<Route>>` or `Option<Route>`, not `{Self}`",
    label = "this is neither `Result<Option<Route>>` nor `Option<Route>`"
)]
pub trait IntoRoute {
    #[doc(hidden)]
    fn into_route(self) -> Result<Option<Route>>;
}

impl IntoRoute for Option<Route> {
    fn into_route(self) -> Result<Option<Route>> {
        Ok(self)
    }
}

impl<E: Into<Error>> IntoRoute for Result<Option<Route>, E> {
    fn into_route(self) -> Result<Option<Route>> {
        self.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reaches_the_server_whole() {
        let given = route()
            .node("eu-1")
            .nodes(["eu-2", "https://eu-3.example"])
            .stream_name("cam1")
            .rendition("low")
            .tag("cohort", "canary")
            .tag("share", 5);
        let told: routing::Route = given.into();
        assert_eq!(told.nodes, ["eu-1", "eu-2", "https://eu-3.example"]);
        assert_eq!((told.stream_name.as_deref(), told.rendition.as_deref()), (Some("cam1"), Some("low")));
        let tags: Vec<(&str, &str)> = told.tags.iter().map(|tag| (&*tag.key, &*tag.value)).collect();
        assert_eq!(tags, [("cohort", "canary"), ("share", "5")]);
    }
}
