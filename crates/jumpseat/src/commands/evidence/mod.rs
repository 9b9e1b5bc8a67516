//! `evidence`: what an auditor asks for, as signed packs that can be verified offline.

mod list;
mod pack;
mod stamp;
mod verify;

use anyhow::Result;
use clap::Subcommand;

use super::Global;
use crate::exit::Exit;

pub(super) use pack::product;

#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// What can be given as evidence, ours and your own, and what can not.
    List(list::ListArgs),
    /// One item: what it shows, its query, which requirements it serves.
    Show(list::ShowArgs),
    /// Make a signed pack for a framework and a period.
    Pack(pack::PackArgs),
    /// Put a time stamp of a third party into a pack.
    Stamp(stamp::StampArgs),
    /// Check a pack, on any machine and without network: names whatever was changed, added or left out.
    Verify(verify::VerifyArgs),
    /// The packs that were made, each chained to the one before it.
    Packs,
    /// The public key that verifies packs; it is made when there is none.
    Key(list::KeyArgs),
}

pub(super) async fn run(command: EvidenceCommand, global: &Global) -> Result<Exit> {
    match command {
        EvidenceCommand::List(args) => list::list(&args, global),
        EvidenceCommand::Show(args) => list::show(&args, global),
        EvidenceCommand::Pack(args) => pack::run(&args, global).await,
        EvidenceCommand::Stamp(args) => stamp::run(&args, global).await,
        EvidenceCommand::Verify(args) => verify::run(&args, global),
        EvidenceCommand::Packs => list::packs(global).await,
        EvidenceCommand::Key(args) => list::key(&args, global).await,
    }
}
