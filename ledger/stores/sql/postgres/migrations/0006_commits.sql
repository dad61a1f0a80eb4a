-- What each connection of a writer has committed last: with it, and as lost as it is.
CREATE TABLE commits (
    owner       text COLLATE "C" NOT NULL,  -- a writer
    connection  bigint NOT NULL,        -- one of all that it ever had, 0, 1, 2 ...
    number      text COLLATE "C" NOT NULL,  -- of the transaction: after a crash of the server another may get it again
    PRIMARY KEY (owner, connection)
) WITH (fillfactor = 50);               -- a row that every group of units rewrites stays on its page
