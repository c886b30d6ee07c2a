//! Tests of the HTTP surface as a whole: requests into the routers, and over real sockets.

mod admin;
mod console;
mod drain;
mod events;
mod fixture;
mod happenings;
mod layers;
mod plugins;
mod renditions;
mod sessions;
mod site;
mod socket;
