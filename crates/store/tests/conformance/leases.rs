//! Leases: one worker at a time, told who it is; a dead one is replaced, and one that was replaced writes nothing more.

use store::{Error, LeaseHolder};

use crate::bed::{Bed, USERS, begin, complete, holder, lease_of, minute, user, users_at};

on_both_engines!(
    two_processes_exclude_each_other_and_are_told_who_holds_the_lease,
    different_work_is_leased_independently,
    a_lease_without_a_sign_of_life_is_free_after_a_minute,
    a_dead_process_is_replaced_at_once,
    a_process_on_another_machine_is_never_taken_for_dead,
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

fn child() -> std::process::Child {
    std::process::Command::new("sleep").arg("600").spawn().unwrap()
}

async fn a_dead_process_is_replaced_at_once(bed: &Bed) {
    let store = bed.open().await;
    let mut process = child();
    let other = LeaseHolder { words: "another".to_owned(), host: "atlas".to_owned(), process: process.id() };
    store.take_lease("x", "x", &other, minute(0)).await.unwrap();
    let held = store.take_lease("x", "x", &holder(), minute(0)).await;
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(matches!(held, Err(Error::Held { .. })), "{held:?}");
    assert_eq!(store.lease_holder("x", "atlas", minute(0)).await.unwrap(), None);
    store.take_lease("x", "x", &holder(), minute(0)).await.unwrap();
}

async fn a_process_on_another_machine_is_never_taken_for_dead(bed: &Bed) {
    let store = bed.open().await;
    let other = LeaseHolder { words: "far away".to_owned(), host: "borealis".to_owned(), process: 4_000_000 };
    store.take_lease("x", "x", &other, minute(0)).await.unwrap();
    assert!(matches!(store.take_lease("x", "x", &holder(), minute(0)).await, Err(Error::Held { .. })));
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
