//! Leases: one worker at a time, told who it is; a dead one is replaced, and one that was replaced writes nothing more.

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use store::{Error, LeaseHolder, Numbering};

use crate::bed::{Bed, USERS, begin, complete, holder, lease_of, minute, user, users_at};

on_both_engines!(
    two_processes_exclude_each_other_and_are_told_who_holds_the_lease,
    different_work_is_leased_independently,
    a_lease_without_a_sign_of_life_is_free_after_a_minute,
    a_dead_process_is_replaced_at_once,
    a_killed_process_that_nobody_has_asked_after_is_replaced_at_once,
    a_process_that_has_the_number_of_a_dead_one_is_not_taken_for_it,
    a_process_on_another_machine_is_never_taken_for_dead,
    a_process_in_another_container_is_never_taken_for_dead,
    a_process_of_before_the_machine_was_started_anew_is_dead_only_if_the_machine_is_known_to_be_the_same,
    a_writer_that_lost_its_lease_can_not_commit_and_leaves_nothing_visible,
    of_many_that_want_a_lease_at_once_one_gets_it,
);

async fn two_processes_exclude_each_other_and_are_told_who_holds_the_lease(bed: &Bed) {
    let (here, there) = (bed.open().await, bed.open().await);
    let lease = here.take_lease("x", "the sync of Acme", &holder(), minute(0)).await.unwrap();
    let Err(Error::Held { what, holder: who, since }) =
        there.take_lease("x", "the sync of Acme", &holder(), minute(0)).await
    else {
        panic!("taken twice")
    };
    assert_eq!(what, "the sync of Acme");
    assert_eq!(who, holder().words);
    assert_eq!(since, "2026-11-20T06:00:00.000Z");
    assert_eq!(there.lease_holder("x", "atlas", minute(0)).await.unwrap(), Some(holder().words));
    here.release_lease(lease).await.unwrap();
    assert_eq!(there.lease_holder("x", "atlas", minute(0)).await.unwrap(), None);
    there.take_lease("x", "the sync of Acme", &holder(), minute(0)).await.unwrap();
}

async fn different_work_is_leased_independently(bed: &Bed) {
    let store = bed.open().await;
    store.take_lease("a", "a", &holder(), minute(0)).await.unwrap();
    store.take_lease("b", "b", &holder(), minute(0)).await.unwrap();
}

async fn a_lease_without_a_sign_of_life_is_free_after_a_minute(bed: &Bed) {
    let store = bed.open().await;
    let slow = store.take_lease("x", "x", &holder(), minute(0)).await.unwrap();
    store.keep_lease(&slow, minute(2)).await.unwrap();
    assert!(matches!(store.take_lease("x", "x", &holder(), minute(2)).await, Err(Error::Held { .. })));
    let fast = store.take_lease("x", "x", &holder(), minute(3)).await.unwrap();
    assert!(matches!(store.keep_lease(&slow, minute(3)).await, Err(Error::LeaseLost)));
    // Giving back what was lost takes nothing from the new holder.
    store.release_lease(slow).await.unwrap();
    store.keep_lease(&fast, minute(3)).await.unwrap();
}

/// A number that no process has.
const NOBODY: u32 = 4_194_304;

fn child() -> std::process::Child {
    std::process::Command::new("sleep").arg("600").spawn().unwrap()
}

/// Another process on this machine.
fn another(process: u32) -> LeaseHolder {
    LeaseHolder { words: "another".to_owned(), process, ..holder() }
}

async fn a_dead_process_is_replaced_at_once(bed: &Bed) {
    let store = bed.open().await;
    let mut process = child();
    store.take_lease("x", "x", &another(process.id()), minute(0)).await.unwrap();
    let held = store.take_lease("x", "x", &holder(), minute(0)).await;
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(matches!(held, Err(Error::Held { .. })), "{held:?}");
    assert_eq!(store.lease_holder("x", "atlas", minute(0)).await.unwrap(), None);
    store.take_lease("x", "x", &holder(), minute(0)).await.unwrap();
}

/// In a container whose first process asks after nobody, what was killed stays listed for good.
async fn a_killed_process_that_nobody_has_asked_after_is_replaced_at_once(bed: &Bed) {
    let store = bed.open().await;
    let mut process = child();
    store.take_lease("x", "x", &another(process.id()), minute(0)).await.unwrap();
    process.kill().unwrap();
    let id = Pid::from_child(&process);
    waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    let holder_told = store.lease_holder("x", "atlas", minute(0)).await;
    let taken = store.take_lease("x", "x", &holder(), minute(0)).await;
    process.wait().unwrap();
    assert_eq!(holder_told.unwrap(), None);
    taken.unwrap();
}

async fn a_process_that_has_the_number_of_a_dead_one_is_not_taken_for_it(bed: &Bed) {
    let store = bed.open().await;
    let mut process = child();
    store.take_lease("x", "x", &another(process.id()), minute(0)).await.unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    // The number of the dead one is given to this one, which started at another time.
    bed.behind(&format!("UPDATE lease SET process = {}", std::process::id())).await;
    assert_eq!(store.lease_holder("x", "atlas", minute(0)).await.unwrap(), None);
    store.take_lease("x", "x", &holder(), minute(0)).await.unwrap();
}

async fn a_process_on_another_machine_is_never_taken_for_dead(bed: &Bed) {
    let store = bed.open().await;
    let other = LeaseHolder { host: "borealis".to_owned(), ..another(NOBODY) };
    store.take_lease("x", "x", &other, minute(0)).await.unwrap();
    assert!(matches!(store.take_lease("x", "x", &holder(), minute(0)).await, Err(Error::Held { .. })));
}

async fn a_process_in_another_container_is_never_taken_for_dead(bed: &Bed) {
    let store = bed.open().await;
    let here = Numbering::here();
    assert!(here.boot.len() == 36 && here.namespace.starts_with("pid:["), "{here:?}");
    // Nobody has this number here, and this program has it there.
    for process in [NOBODY, std::process::id()] {
        let numbering = Numbering { namespace: "pid:[1]".to_owned(), ..here.clone() };
        let other = LeaseHolder { numbering, ..another(process) };
        store.take_lease("x", "x", &other, minute(0)).await.unwrap();
        assert_eq!(store.lease_holder("x", "atlas", minute(0)).await.unwrap(), Some("another".to_owned()));
        assert!(matches!(store.take_lease("x", "x", &holder(), minute(0)).await, Err(Error::Held { .. })));
        bed.behind("DELETE FROM lease").await;
    }
    // Where it is not told, nothing is known.
    let untold = Numbering { boot: String::new(), namespace: String::new() };
    store.take_lease("x", "x", &LeaseHolder { numbering: untold, ..another(NOBODY) }, minute(0)).await.unwrap();
    assert!(matches!(store.take_lease("x", "x", &holder(), minute(0)).await, Err(Error::Held { .. })));
    // Nor of a lease that an older program has taken.
    bed.behind("UPDATE lease SET numbering = NULL").await;
    assert!(matches!(store.take_lease("x", "x", &holder(), minute(0)).await, Err(Error::Held { .. })));
}

async fn a_process_of_before_the_machine_was_started_anew_is_dead_only_if_the_machine_is_known_to_be_the_same(
    bed: &Bed,
) {
    let store = bed.open().await;
    let numbering = Numbering { boot: "00000000-0000-0000-0000-000000000000".to_owned(), ..Numbering::here().clone() };
    // This program's number: somebody has it in this boot, too.
    let other = LeaseHolder { numbering, ..another(std::process::id()) };
    store.take_lease("x", "x", &other, minute(0)).await.unwrap();
    let held = store.lease_holder("x", "atlas", minute(0)).await.unwrap();
    let taken = store.take_lease("x", "x", &holder(), minute(0)).await;
    // A file is written by one machine; a server is used by many, and two of them can have one name.
    match bed.is_postgres() {
        false => assert!(held.is_none() && taken.is_ok(), "{held:?} {taken:?}"),
        true => assert!(held.is_some() && matches!(taken, Err(Error::Held { .. })), "{held:?} {taken:?}"),
    }
}

async fn a_writer_that_lost_its_lease_can_not_commit_and_leaves_nothing_visible(bed: &Bed) {
    let (here, there) = (bed.open().await, bed.open().await);
    let mut slow = begin(&here, "o", minute(0)).await;
    slow.put(&USERS, vec![user("1", "slow")]).await.unwrap();
    // An hour passes without a sign of life; somebody else begins anew.
    let mut fast = begin(&there, "o", minute(60)).await;
    fast.put(&USERS, vec![user("1", "fast")]).await.unwrap();

    let late = slow.put(&USERS, vec![user("2", "slow")]).await;
    assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
    let late = slow.mark_gone(&USERS).await;
    assert!(matches!(late, Err(Error::LeaseLost) | Ok(0)), "{late:?}");
    let late = slow.writer.quarantine(&USERS, 0, "", "").await;
    assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
    let late = slow.writer.commit(&[complete(&USERS)], minute(60)).await;
    assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
    assert!(users_at(&here, None).await.is_empty());
    assert!(matches!(here.undo_open_snapshots("o", &slow.lease).await, Err(Error::LeaseLost)));

    fast.commit().await;
    assert_eq!(users_at(&here, None).await, ["o 1 fast"]);
}

async fn of_many_that_want_a_lease_at_once_one_gets_it(bed: &Bed) {
    let (here, there) = (bed.open().await, bed.open().await);
    let name = lease_of("o");
    let (one, another) = (holder(), holder());
    let wanted = (0..8).map(|at| {
        let (store, holder) = if at % 2 == 0 { (&here, &one) } else { (&there, &another) };
        store.take_lease(&name, "x", holder, minute(0))
    });
    let taken = futures::future::join_all(wanted).await;
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
    assert!(taken.iter().all(|taken| matches!(taken, Ok(_) | Err(Error::Held { .. }))), "{taken:?}");
}
