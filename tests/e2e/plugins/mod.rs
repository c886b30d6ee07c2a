//! Plugins in the real binary: those that come with it, those that misbehave, and what happens while they are exchanged.

mod bitrates;
mod browsers;
mod costly;
mod decisions;
mod examples;
mod folder;
mod hostile;
mod jwt;
mod languages;
mod life;
mod long;
mod museum;
mod observer;
mod operator;
mod ratelimit;
mod ratelimit_hostile;
mod rollout;
mod router;
mod router_hostile;
mod signed;
mod web;
mod webhook;
