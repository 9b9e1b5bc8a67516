//! People, their sessions and tokens, and the token of the first start.

use store::{ApiToken, Error, Identity, NewSession, Person, Store};

use crate::bed::{Bed, minute};

on_both_engines!(
    a_person_is_read_as_they_were_written,
    names_of_people_are_unique_without_regard_to_case,
    the_setup_token_makes_one_person_and_no_second,
    a_setup_token_that_is_too_old_makes_nobody,
    the_last_owner_stays,
    who_is_removed_is_gone_with_sessions_and_tokens,
    a_session_ends_by_time_by_hand_and_with_the_person,
    a_new_password_ends_all_sessions_but_the_one_that_set_it,
    an_api_token_ends_by_time_by_hand_and_with_the_person,
    organizations_that_can_not_be_read_are_none_and_not_all,
    an_identity_is_one_persons_and_a_person_has_one_at_a_provider,
    the_role_of_a_provider_is_noted_and_the_last_owner_stays,
);

fn person(id: &str, name: &str, role: &str) -> Person {
    Person {
        id: id.to_owned(),
        name: name.to_owned(),
        email: Some(format!("{name}@example.com")),
        role: role.to_owned(),
        org_ids: None,
        active: true,
        created_at: minute(0),
        last_sign_in_at: None,
    }
}

async fn sign_in(store: &Store, token: &str, person: &str) {
    let session = NewSession {
        token_hash: token,
        id: &format!("session {token}"),
        person_id: person,
        address: "192.0.2.1:4711",
        agent: "a browser\0",
        expires_at: minute(60),
    };
    store.begin_session(&session, minute(1)).await.unwrap();
}

async fn a_person_is_read_as_they_were_written(bed: &Bed) {
    let store = bed.open().await;
    assert!(!store.has_people().await.unwrap());
    let mut mara = person("1", "Mara", "analyst");
    mara.org_ids = Some(vec!["o1".to_owned(), "o2".to_owned()]);
    store.add_person(&mara, Some("a hash")).await.unwrap();
    assert!(store.has_people().await.unwrap());
    assert_eq!(store.find_person("mARA ").await.unwrap(), Some((mara.clone(), Some("a hash".to_owned()))));
    assert_eq!(store.person("1").await.unwrap(), Some(mara.clone()));
    assert_eq!(store.people().await.unwrap(), [mara]);
    assert_eq!(store.person("2").await.unwrap(), None);
}

async fn names_of_people_are_unique_without_regard_to_case(bed: &Bed) {
    let store = bed.open().await;
    store.add_person(&person("1", "mara", "owner"), None).await.unwrap();
    let refused = store.add_person(&person("2", "Mara", "owner"), None).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(why) if why.contains("Mara already")), "{refused:?}");
}

async fn the_setup_token_makes_one_person_and_no_second(bed: &Bed) {
    let store = bed.open().await;
    assert!(store.begin_setup("first", minute(10)).await.unwrap());
    assert!(store.begin_setup("second", minute(10)).await.unwrap(), "another start makes another token");
    for wrong in ["first", "", "guessed"] {
        let refused = store.finish_setup(wrong, &person("1", "mara", "owner"), None, minute(1)).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{wrong:?}: {refused:?}");
    }
    store.finish_setup("second", &person("1", "mara", "owner"), Some("h"), minute(1)).await.unwrap();
    let again = store.finish_setup("second", &person("2", "eve", "owner"), Some("h"), minute(1)).await;
    assert!(matches!(again, Err(Error::Refused(_))), "{again:?}");
    assert!(!store.begin_setup("third", minute(10)).await.unwrap(), "there is somebody already");
    assert_eq!(store.people().await.unwrap().len(), 1);
}

async fn a_setup_token_that_is_too_old_makes_nobody(bed: &Bed) {
    let store = bed.open().await;
    store.begin_setup("token", minute(10)).await.unwrap();
    let late = store.finish_setup("token", &person("1", "mara", "owner"), None, minute(10)).await;
    assert!(matches!(late, Err(Error::Refused(_))), "{late:?}");
    assert!(!store.has_people().await.unwrap());
}

async fn the_last_owner_stays(bed: &Bed) {
    let store = bed.open().await;
    let mara = person("1", "mara", "owner");
    store.add_person(&mara, None).await.unwrap();
    store.add_person(&person("2", "noor", "administrator"), None).await.unwrap();
    let less = [
        Person { role: "viewer".to_owned(), ..mara.clone() },
        Person { active: false, ..mara.clone() },
        Person { org_ids: Some(vec!["o1".to_owned()]), ..mara.clone() },
    ];
    for changed in &less {
        let refused = store.update_person(changed, minute(1)).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{changed:?}");
    }
    assert_eq!(store.person("1").await.unwrap(), Some(mara));
    assert!(matches!(store.remove_person(&person("1", "mara", "owner")).await, Err(Error::Refused(_))));
    assert!(store.person("1").await.unwrap().is_some());
    store.update_person(&person("2", "noor", "owner"), minute(1)).await.unwrap();
    store.update_person(&less[0], minute(2)).await.unwrap();
    assert_eq!(store.person("1").await.unwrap().unwrap().role, "viewer");
}

async fn who_is_removed_is_gone_with_sessions_and_tokens(bed: &Bed) {
    let store = bed.open().await;
    store.add_person(&person("1", "mara", "owner"), None).await.unwrap();
    let noor = person("2", "noor", "viewer");
    store.add_person(&noor, None).await.unwrap();
    sign_in(&store, "a", "2").await;
    sign_in(&store, "b", "1").await;
    store.remove_person(&noor).await.unwrap();
    assert_eq!(store.find_person("noor").await.unwrap(), None);
    assert!(store.session("a", minute(2)).await.unwrap().is_none());
    assert!(store.session("b", minute(2)).await.unwrap().is_some());
    assert_eq!((bed.count("person").await, bed.count("api_token").await), (1, 0));
}

async fn a_session_ends_by_time_by_hand_and_with_the_person(bed: &Bed) {
    let store = bed.open().await;
    store.add_person(&person("1", "mara", "owner"), None).await.unwrap();
    let noor = person("2", "noor", "viewer");
    store.add_person(&noor, None).await.unwrap();
    sign_in(&store, "a", "1").await;
    sign_in(&store, "b", "1").await;
    sign_in(&store, "c", "2").await;
    let (session, who) = store.session("a", minute(2)).await.unwrap().unwrap();
    assert_eq!((who.name.as_str(), session.address.as_str()), ("mara", "192.0.2.1:4711"));
    assert_eq!(who.last_sign_in_at, Some(minute(1)));
    assert!(store.session("x", minute(2)).await.unwrap().is_none());
    assert!(store.session("a", minute(60)).await.unwrap().is_none(), "its time is over");
    store.touch_session("session a", minute(5)).await.unwrap();
    assert_eq!(store.session("a", minute(6)).await.unwrap().unwrap().0.last_seen_at, minute(5));
    assert_eq!(store.sessions(minute(2)).await.unwrap().len(), 3);
    assert!(store.end_session("session b").await.unwrap());
    assert!(!store.end_session("session b").await.unwrap());
    assert!(store.session("b", minute(2)).await.unwrap().is_none());
    store.update_person(&Person { active: false, ..noor }, minute(3)).await.unwrap();
    assert!(store.session("c", minute(3)).await.unwrap().is_none());
    assert_eq!(bed.count("person_session").await, 1);
}

async fn a_new_password_ends_all_sessions_but_the_one_that_set_it(bed: &Bed) {
    let store = bed.open().await;
    store.add_person(&person("1", "mara", "owner"), Some("old")).await.unwrap();
    sign_in(&store, "a", "1").await;
    sign_in(&store, "b", "1").await;
    store.set_password("1", "new", "session a", minute(2)).await.unwrap();
    assert!(store.session("a", minute(3)).await.unwrap().is_some());
    assert!(store.session("b", minute(3)).await.unwrap().is_none());
    assert_eq!(store.find_person("mara").await.unwrap().unwrap().1.as_deref(), Some("new"));
}

async fn an_api_token_ends_by_time_by_hand_and_with_the_person(bed: &Bed) {
    let store = bed.open().await;
    store.add_person(&person("0", "owner", "owner"), None).await.unwrap();
    let mara = person("1", "mara", "analyst");
    store.add_person(&mara, None).await.unwrap();
    let token = ApiToken {
        id: "t".to_owned(),
        person_id: "1".to_owned(),
        name: "export".to_owned(),
        prefix: "jst_abc".to_owned(),
        scope: "viewer".to_owned(),
        created_at: minute(0),
        expires_at: minute(60),
        last_used_at: None,
        revoked_at: None,
    };
    store.add_api_token(&token, "hash").await.unwrap();
    let (found, who) = store.api_token("hash", minute(1)).await.unwrap().unwrap();
    assert_eq!((found.scope.as_str(), who.name.as_str()), ("viewer", "mara"));
    assert!(store.api_token("hash", minute(60)).await.unwrap().is_none(), "its time is over");
    store.touch_api_token("t", minute(5)).await.unwrap();
    assert_eq!(store.api_tokens().await.unwrap()[0].last_used_at, Some(minute(5)));
    store.update_person(&Person { active: false, ..mara.clone() }, minute(6)).await.unwrap();
    assert!(store.api_token("hash", minute(7)).await.unwrap().is_none(), "the person may not sign in");
    store.update_person(&mara, minute(8)).await.unwrap();
    assert!(store.api_token("hash", minute(9)).await.unwrap().is_some());
    assert!(store.revoke_api_token("t", minute(9)).await.unwrap());
    assert!(!store.revoke_api_token("t", minute(9)).await.unwrap());
    assert!(store.api_token("hash", minute(10)).await.unwrap().is_none());
}

async fn organizations_that_can_not_be_read_are_none_and_not_all(bed: &Bed) {
    let store = bed.open().await;
    store.add_person(&person("1", "mara", "owner"), None).await.unwrap();
    bed.behind("UPDATE person SET org_ids = 'no list'").await;
    assert_eq!(store.person("1").await.unwrap().unwrap().org_ids, Some(Vec::new()));
}

fn identity(subject: &str, person: &str) -> Identity {
    Identity {
        issuer: "https://id.example".to_owned(),
        subject: subject.to_owned(),
        person_id: person.to_owned(),
        given_role: None,
        linked_at: minute(1),
    }
}

async fn an_identity_is_one_persons_and_a_person_has_one_at_a_provider(bed: &Bed) {
    let store = bed.open().await;
    let mara = person("1", "mara", "owner");
    store.add_person(&mara, None).await.unwrap();
    let noor = person("2", "noor", "viewer");
    store.link_identity(&identity("s1", "1")).await.unwrap();
    for taken in [identity("s1", "2"), identity("s2", "1")] {
        let refused = store.link_identity(&taken).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{taken:?}: {refused:?}");
    }
    let refused = store.add_person_with_identity(&noor, &identity("s1", "2")).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert_eq!(store.person("2").await.unwrap(), None, "neither or both");
    store.add_person_with_identity(&noor, &identity("s2", "2")).await.unwrap();
    let found = store.person_of_identity("https://id.example", "s2").await.unwrap();
    assert_eq!(found, Some((noor.clone(), identity("s2", "2"))));
    for (issuer, subject) in [("https://id.example", "S2"), ("https://id.example/", "s2"), ("", "")] {
        assert_eq!(store.person_of_identity(issuer, subject).await.unwrap(), None, "{issuer} {subject}");
    }
    assert_eq!(store.identities("1").await.unwrap(), [identity("s1", "1")]);
    assert!(store.forget_identities("1").await.unwrap());
    assert!(!store.forget_identities("1").await.unwrap());
    store.remove_person(&noor).await.unwrap();
    assert_eq!(bed.count("person_identity").await, 0);
}

async fn the_role_of_a_provider_is_noted_and_the_last_owner_stays(bed: &Bed) {
    let store = bed.open().await;
    store.add_person_with_identity(&person("1", "mara", "owner"), &identity("s1", "1")).await.unwrap();
    let refused = store.give_role(&identity("s1", "1"), "viewer", minute(2)).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert_eq!(store.identities("1").await.unwrap()[0].given_role, None, "neither or both");
    store.add_person_with_identity(&person("2", "noor", "owner"), &identity("s2", "2")).await.unwrap();
    store.give_role(&identity("s2", "2"), "viewer", minute(2)).await.unwrap();
    let (noor, kept) = store.person_of_identity("https://id.example", "s2").await.unwrap().unwrap();
    assert_eq!((noor.role.as_str(), kept.given_role.as_deref()), ("viewer", Some("viewer")));
}
