-- The three functions do what they say, before anything is measured: a transfer counts once, an overdraft and an unknown
-- account fail and leave nothing. Runs on any accounts 0 and 1 and takes everything back.
begin;
do $$
declare
  way text;
  change text;
  call text;
  result int;
begin
  foreach way in array array['single', 'looped', 'set'] loop
    call := case way when 'single' then 'select transfer_single(%s, 0, %s, %s)'
      else format('select transfer_%s(array[%%s], array[0], array[%%s], array[%%s])', way) end;
    call := replace(call, 'array[0]', 'array[0]::bigint[]');
    call := replace(call, 'array[%s]', 'array[%s]::bigint[]');
    execute format(call, -1, 1, 5) into result;
    assert result = 1, way || ': a new transfer';
    execute format(call, -1, 1, 5) into result;
    assert result = 0, way || ': the same transfer again';
    foreach change in array array['1, 1000000000000000', '-7, 1'] loop
      begin
        execute format(call, -2, split_part(change, ', ', 1), split_part(change, ', ', 2)) into result;
        assert false, way || ': went through: ' || change;
      exception when check_violation or raise_exception then null;
      end;
    end loop;
    assert (select count(*) from transfers where id = -1) = 1 and not exists (select from transfers where id = -2), way;
    delete from transfers where id = -1;
  end loop;
  assert (select debits_posted from accounts where id = 0) = 15 and not exists (
    select from accounts where id = 1 and debits_posted > 0), 'balances';
end $$;
rollback;
