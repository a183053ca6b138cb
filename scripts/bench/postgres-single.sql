-- What each client of pgbench does: a transfer that nobody sent before (`base` and `n` come from the command line; `n`
-- lives as long as the client), between two different accounts.
\set n :n + 1
\set id :base + :client_id * 1000000000 + :n
\set debit random(0, :accounts - 1)
\set credit (:debit + random(1, :accounts - 1)) % :accounts
\set amount random(1, 100)
select transfer_single(:id, :debit, :credit, :amount);
