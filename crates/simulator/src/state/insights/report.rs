//! What the agent of one device has to tell: the view that tables are written from.
//! Responsible for what several tables share (when it was sampled, accounts, what is installed).

use crate::dice::Dice;
use crate::state::Organization;
use crate::state::device::{Device, Platform};
use crate::state::ssh_key::SshKey;
use crate::time::{DAY, MINUTE};
use crate::words;

/// What a table may look at.
pub(crate) struct Report<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) device: &'a Device,
}

impl Report<'_> {
    /// When the agent sampled: some time within the hour before its last contact.
    pub(crate) fn collected_at(&self) -> i64 {
        let contact = self.device.last_contact.unwrap_or(self.device.created_at);
        contact - (self.device.id.entropy() % 55) as i64 * MINUTE
    }

    /// Chance for a row of a table.
    pub(crate) fn dice(&self, what: &str, number: usize) -> Dice {
        Dice::of(self.device.id.entropy(), what, number as u64)
    }

    /// One row on devices of these platforms.
    pub(crate) fn on(&self, platforms: &[Platform]) -> bool {
        platforms.contains(&self.device.platform)
    }

    /// The name of the person's account on the device.
    pub(crate) fn account(&self) -> String {
        format!("user{}", self.device.number)
    }

    /// The key that opens the person's account over SSH.
    pub(crate) fn authorized_key(&self) -> SshKey {
        match self.device.authorized {
            Some(user) => SshKey::of(&self.organization.profile, user, 0),
            None => SshKey::foreign(self.device.id),
        }
    }

    /// The home folder of that account.
    pub(crate) fn home(&self) -> String {
        match self.device.platform {
            Platform::Windows => format!("C:\\Users\\{}", self.account()),
            Platform::Linux => format!("/home/{}", self.account()),
            _ => format!("/Users/{}", self.account()),
        }
    }

    /// How many entries of a catalogue are installed here: the first ones everywhere, the rest by chance.
    pub(crate) fn installed(&self, catalogue: usize, everywhere: usize) -> usize {
        let spread = (catalogue - everywhere).max(1) as u64;
        (everywhere + (self.device.id.entropy() % (spread + 1)) as usize).min(catalogue)
    }

    /// When the Windows patch with this number was installed, epoch milliseconds: told from the beginning of the
    /// organization, so that it stays the same while life goes on.
    pub(crate) fn patched_at(&self, number: usize) -> i64 {
        self.organization.profile.created_at + (7 * 365 - [161, 71, 36, 8][number]) * DAY
    }

    /// The same as Windows writes it in the United States.
    pub(crate) fn patched_on(&self, number: usize) -> String {
        let day = crate::time::text(self.patched_at(number));
        let part = |range: std::ops::Range<usize>| day[range].trim_start_matches('0').to_owned();
        format!("{}/{}/{}", part(5..7), part(8..10), &day[..4])
    }

    /// A name as it is shown: on a hostile device, every other one is a hostile string.
    pub(crate) fn shown<'n>(&self, name: &'n str, number: usize) -> &'n str {
        match self.device.hostile {
            Some(hostile) if number.is_multiple_of(2) => words::HOSTILE[usize::from(hostile)],
            _ => name,
        }
    }
}
