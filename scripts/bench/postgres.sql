-- The peer of `make bench`: double-entry transfers as a capable user of PostgreSQL would write them, three ways. All of them
-- ignore a transfer whose id is there already, fail as a whole if a debit would overdraw (the check of `accounts`) or an
-- account is missing, and return how many transfers were new. No two callers of one function deadlock.
--
-- Where there was a choice it favours the peer: ids are bigints that rise, there are no foreign keys (the functions see
-- what is missing), no index on transfers by account, and free space in the pages of accounts for updates in place.

create table accounts (
  id bigint primary key,
  credits_posted bigint not null,
  debits_posted bigint not null default 0,
  check (debits_posted <= credits_posted)
) with (fillfactor = 50);

create table transfers (
  id bigint primary key,
  debit_account bigint not null,
  credit_account bigint not null,
  amount bigint not null check (amount > 0),
  created timestamptz not null default now(),
  check (debit_account <> credit_account)
);

-- One transfer, one commit. The account with the smaller id first, so that two callers never wait for each other.
create function transfer_single(transfer bigint, debit bigint, credit bigint, sum bigint) returns int
language plpgsql as $$
declare
  touched int;
begin
  insert into transfers values (transfer, debit, credit, sum) on conflict do nothing;
  if not found then
    return 0;
  end if;
  for turn in 1..2 loop
    if (turn = 1) = (debit < credit) then
      update accounts set debits_posted = debits_posted + sum where id = debit;
    else
      update accounts set credits_posted = credits_posted + sum where id = credit;
    end if;
    if not found then
      raise 'transfer %: no such account', transfer;
    end if;
  end loop;
  return 1;
end $$;

-- A batch, one transfer after the other. Batches take turns: that costs less than locking each account beforehand.
create function transfer_looped(transfers bigint[], debits bigint[], credits bigint[], sums bigint[]) returns int
language plpgsql as $$
declare
  fresh int := 0;
begin
  perform pg_advisory_xact_lock(1);
  for at in 1..cardinality(transfers) loop
    insert into transfers values (transfers[at], debits[at], credits[at], sums[at]) on conflict do nothing;
    continue when not found;
    update accounts set debits_posted = debits_posted + sums[at] where id = debits[at];
    if not found then
      raise 'transfer %: no such account', transfers[at];
    end if;
    update accounts set credits_posted = credits_posted + sums[at] where id = credits[at];
    if not found then
      raise 'transfer %: no such account', transfers[at];
    end if;
    fresh := fresh + 1;
  end loop;
  return fresh;
end $$;

-- A batch as a whole: all transfers in, then one update for each account, in the order of the ids: it is that of the inner
-- query because nothing but a nested loop is left to the planner. The plain insert supposes that all are new and costs a
-- fifth less than `on conflict` alone; if some are not, what it did is undone and only the new ones count.
create function transfer_set(transfers bigint[], debits bigint[], credits bigint[], sums bigint[]) returns int
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  missing_accounts int;
begin
  begin
    insert into transfers select * from unnest(transfers, debits, credits, sums);
  exception when unique_violation then
    with fresh as (
      insert into transfers select * from unnest(transfers, debits, credits, sums) on conflict do nothing returning *
    )
    select array_agg(id), array_agg(debit_account), array_agg(credit_account), array_agg(amount) from fresh
    into transfers, debits, credits, sums;
  end;
  with moved as (
    select account, sum(credit)::bigint as credit, sum(debit)::bigint as debit from (
      select unnest(debits) as account, 0 as credit, unnest(sums) as debit
      union all
      select unnest(credits), unnest(sums), 0
    ) as sides group by account order by account
  ), touched as (
    update accounts set credits_posted = credits_posted + credit, debits_posted = debits_posted + debit
    from moved where id = account returning 1
  )
  select (select count(*) from moved) - (select count(*) from touched) into missing_accounts;
  if missing_accounts > 0 then
    raise 'no such account: % of this batch', missing_accounts;
  end if;
  return coalesce(cardinality(transfers), 0);
end $$;
