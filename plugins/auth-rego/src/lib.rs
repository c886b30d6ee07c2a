//! Lets in whom an OPA policy, written in Rego, lets in. See README.md.

mod answer;
mod config;
mod input;
mod policy;

use config::Config;
use policy::Policy;
use wasmcast_plugin::prelude::*;

struct Rego {
    policy: Policy,
}

impl Plugin for Rego {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Rego { policy: Policy::read(config)? })
    }
}

#[auth]
fn authorize(session: &Session, rego: &mut Rego) -> Result<Decision> {
    rego.policy.judge(input::document(&session.json(), clock::unix())?)
}

#[export]
impl Reconfigure for Rego {
    fn reconfigure(&mut self, config: Config) -> Result<()> {
        *self = Rego::new(config)?;
        Ok(())
    }
}
