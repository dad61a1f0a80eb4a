-- final: up to where no journal can appear any more, for who has the turn to seal; no row for anybody else
SELECT settled FROM sealing WHERE holder = :owner;
