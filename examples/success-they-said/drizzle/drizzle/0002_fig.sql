CREATE TABLE fig (id int);
