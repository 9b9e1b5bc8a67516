//! `simulate`: the simulated JumpCloud alone.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use simulator::{Clock, Config, Simulator};

use super::sync::cancel_on_signal;
use crate::exit::Exit;
use crate::output::{write_json, write_lines};

#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// How large the three organizations are.
    #[arg(long, value_enum, default_value_t = Size::Small)]
    size: Size,
    /// One organization of exactly this many users instead.
    #[arg(long, conflicts_with = "size")]
    users: Option<usize>,
    /// Devices of that one organization; half as many as users, if not said.
    #[arg(long, requires = "users")]
    devices: Option<usize>,
    /// Groups of users, and of devices, of that one organization.
    #[arg(long, requires = "users", default_value_t = 20)]
    groups: usize,
    /// Where all chance comes from: the same seed makes the same organizations.
    #[arg(long)]
    seed: Option<u64>,
    /// Where to listen; only this machine is possible.
    #[arg(long, default_value = "127.0.0.1:8086")]
    listen: SocketAddr,
    /// Milliseconds that every answer takes.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Tell keys and ids as JSON.
    #[arg(long)]
    json: bool,
}

/// How large the demonstration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Size {
    /// 60 to 250 users an organization.
    Small,
    /// 600 to 2,500 users an organization.
    Medium,
    /// 3,600 to 15,000 users an organization.
    Large,
}

impl From<Size> for simulator::Size {
    fn from(size: Size) -> Self {
        match size {
            Size::Small => Self::Small,
            Size::Medium => Self::Medium,
            Size::Large => Self::Large,
        }
    }
}

pub(super) async fn run(args: SimulateArgs) -> Result<Exit> {
    if !args.listen.ip().is_loopback() {
        return Err(crate::exit::Problem::usage(
            "the simulator holds keys for everybody who asks, so it listens on this machine only: use 127.0.0.1",
        ));
    }
    let mut config = match args.users {
        Some(users) => Config::single(users, args.devices.unwrap_or(users / 2), args.groups, args.groups),
        None => Config::demo(args.size.into()),
    };
    if let Some(seed) = args.seed {
        config.seed = seed;
    }
    let running = Simulator::start(config, Clock::system(), args.listen)
        .await
        .with_context(|| format!("the simulator can not listen at {}", args.listen))?;
    let world = running.world();
    world.faults().set_latency(std::time::Duration::from_millis(args.latency_ms));
    let organizations = world.organizations();
    if args.json {
        let all: Vec<serde_json::Value> = organizations
            .iter()
            .enumerate()
            .map(|(number, organization)| {
                serde_json::json!({ "id": organization.id, "name": organization.name, "credentials": world.credentials(number) })
            })
            .collect();
        write_json(&serde_json::json!({ "url": running.url(), "organizations": all }))?;
    } else {
        let mut lines = vec![format!("simulated JumpCloud at {}", running.url()), String::new()];
        for (number, organization) in organizations.iter().enumerate() {
            let keys = world.credentials(number);
            lines.push(format!("{} ({})", organization.name, organization.id));
            lines.push(format!("  read-only key      {}", keys.read_only));
            lines.push(format!("  administrator key  {}", keys.administrator));
        }
        if let Some(mtp) = world.credentials(0).mtp {
            lines.push(format!("multi-tenant key     {mtp}"));
        }
        lines.push(String::new());
        lines.push(format!(
            "connect: echo KEY | jumpseat --allow-loopback-upstream connection add --api-url {} --api-key-stdin",
            running.url()
        ));
        lines.push(
            "faults:  POST /__simulator/faults; what is true: GET /__simulator/oracle. Ctrl-C stops it.".to_owned(),
        );
        write_lines(&lines)?;
    }
    cancel_on_signal().cancelled().await;
    running.stop().await;
    Ok(Exit::Ok)
}
