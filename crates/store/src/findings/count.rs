//! What follows from a check's findings and is kept beside them: the severity that counts, and how many there are of each kind.

use std::collections::BTreeSet;

use crate::Result;
use crate::db::Tx;
use crate::inventory::OPEN;
use crate::query::note_change;

/// A check in an organization.
pub(super) type CheckOf = (String, String);

/// Brings what is kept to what the findings of these checks are now. It comes last in a transaction that changes any: on
/// PostgreSQL it waits for others who do, and then sees what they have written.
pub(super) async fn recount(tx: &mut Tx, checks: &BTreeSet<CheckOf>) -> Result<()> {
    note_change(tx).await?;
    for (org_id, check_id) in checks {
        let key = || vec![org_id.as_str().into(), check_id.as_str().into()];
        let raised = "SELECT raised_severity FROM check_result WHERE org_id = $1 AND check_id = $2 AND until_run = $3";
        let raised = tx.fetch(raised, [key(), vec![OPEN.into()]].concat()).await?;
        let raised = raised.first().map_or(0, |row| row.integer(0));
        tx.execute(
            "UPDATE finding SET effective_severity = CASE WHEN severity < $3 THEN $3 ELSE severity END
             WHERE org_id = $1 AND check_id = $2
               AND effective_severity <> CASE WHEN severity < $3 THEN $3 ELSE severity END",
            [key(), vec![raised.into()]].concat(),
        )
        .await?;
        tx.execute("DELETE FROM finding_count WHERE org_id = $1 AND check_id = $2", key()).await?;
        tx.execute(
            "INSERT INTO finding_count (org_id, check_id, resource_type, effective_severity, resolved, accepted_kind,
               accepted_until, outcome, findings, first_opened_at)
             SELECT org_id, check_id, resource_type, effective_severity, resolved_at IS NOT NULL, accepted_kind,
               accepted_until, outcome, COUNT(*), MIN(opened_at)
             FROM finding WHERE org_id = $1 AND check_id = $2
             GROUP BY org_id, check_id, resource_type, effective_severity, resolved_at IS NOT NULL, accepted_kind,
               accepted_until, outcome",
            key(),
        )
        .await?;
    }
    Ok(())
}
