//! End-to-end tests: the real binary on free ports of this machine, with clients that nobody here wrote.

mod auth_plugin;
mod authors;
mod bad_days;
mod clients;
mod configuration;
mod http;
mod life;
mod matrix;
mod netns;
mod networks;
mod offers;
mod operator;
mod own_clients;
mod pages;
mod plugins;
mod process;
mod report;
mod scratch;
mod server;
mod session;
mod simulcast;
mod telephony;
mod tls;
mod tokens;
mod whep;
mod whip;
