// The shape of a `.net` file. It knows statements, not layers: names of layers and their words are data (src/ops).
//
// Precedence is not in the rules: `expr` is a flat chain and src/syntax/parse_expression.cpp climbs it, so that an argument
// costs two rules, not nine. Every decision looks at two tokens at most, so parsing is linear.
//
// Between lexer and parser, src/syntax/parse_tokens.cpp drops newlines before `{` and `else`, empty statements, and what stands
// beside a brace, and closes what the file leaves open.
grammar Net;

file: statement? (SEP statement?)* EOF;

statement
  : NET NAME                                                # netStatement
  | USE STRING                                              # useStatement
  | LET binding+                                            # letStatement
  | DEF NAME parameter* block                               # defStatement
  | FOR NAME+ IN row+ block                                 # forStatement
  | IF expr block (ELSE IF expr block)* (ELSE block)?       # ifStatement
  | INPUT item* source?                                     # inputStatement
  | keyword=(LOSS | INIT | SEED) item*                      # settingStatement
  | TRAIN block                                             # trainStatement
  | NONE                                                    # noneStatement
  | (NAME COLON)? (count STAR)* (layer | block)             # actionStatement
  ;

binding: NAME ASSIGN expr;
parameter: NAME (ASSIGN expr)?;
row: OPEN_PAREN expr (COMMA? expr)* CLOSE_PAREN;
source: FROM NAME STRING? block?;
block: OPEN statement? (SEP statement?)* CLOSE;
layer: NAME item* block*;

/// How often: `3 * res 64`, `(n-1) * res 64`.
count: INT | NAME | SCALED (DOT NAME)? | IN DOT NAME | OPEN_PAREN expr CLOSE_PAREN;

/// `3x3/2`, `64`, `0..16`, `pad=1,2`, `"file"`.
item
  : SHAPE (SLASH stride)?
  | expr (RANGE expr | ASSIGN expr (COMMA expr)*)?
  | STRING
  ;
stride: INT | NAME | SCALED | SHAPE | OPEN_PAREN expr CLOSE_PAREN;

expr: operand (infix operand)*;
infix: PLUS | MINUS | STAR | SLASH | PERCENT | EQUAL | UNEQUAL | LESS | LESS_EQUAL | GREATER | GREATER_EQUAL | AND | OR;
operand: (MINUS | NOT)* (INT | REAL | NAME | INIT | SCALED (DOT NAME)? | IN DOT NAME | OPEN_PAREN expr CLOSE_PAREN);

NET: 'net';
USE: 'use';
LET: 'let';
DEF: 'def';
FOR: 'for';
IN: 'in';
IF: 'if';
ELSE: 'else';
INPUT: 'input';
FROM: 'from';
LOSS: 'loss';
INIT: 'init';
SEED: 'seed';
TRAIN: 'train';
NONE: 'none';
AND: 'and';
OR: 'or';
NOT: 'not';

/// Sizes joined by `x`, before names and numbers. A side is a number, or one letter and digits; where a shape has two
/// sides and both are a single letter, neither is a small vowel, so that `exp` and `axe` stay words.
SHAPE
  : SIDE 'x' SIDE ('x' SIDE)+
  | INT 'x' SIDE
  | (INT | CONSONANT | [a-zA-Z] INT) 'x' INT
  | [a-zA-Z] INT 'x' [a-zA-Z] DIGIT*
  | CONSONANT 'x' CONSONANT INT?
  ;
fragment SIDE: DIGIT+ | [a-zA-Z] DIGIT*;
fragment CONSONANT: [b-df-hj-np-tv-zA-Z];

INT: DIGIT+;
REAL: DIGIT+ '.' DIGIT+ EXPONENT? | '.' DIGIT+ EXPONENT? | DIGIT+ EXPONENT;
/// `4c` is 4*c.
SCALED: DIGIT+ WORD;
NAME: WORD;
fragment WORD: [a-zA-Z_] [a-zA-Z_0-9]*;
fragment DIGIT: [0-9];
fragment EXPONENT: [eE] [+-]? DIGIT+;

STRING: '"' (~["\\\r\n] | '\\' ~[\r\n])* '"';
/// A string that its line does not close; reported by parse_tokens.cpp.
UNCLOSED: '"' (~["\\\r\n] | '\\' ~[\r\n])*;

OPEN: '{';
CLOSE: '}';
OPEN_PAREN: '(';
CLOSE_PAREN: ')';
SEP: ';' | '\r'? '\n';
COLON: ':';
COMMA: ',';
RANGE: '..';
DOT: '.';
EQUAL: '==';
UNEQUAL: '!=';
LESS_EQUAL: '<=';
GREATER_EQUAL: '>=';
LESS: '<';
GREATER: '>';
ASSIGN: '=';
PLUS: '+';
MINUS: '-';
STAR: '*';
SLASH: '/';
PERCENT: '%';

COMMENT: '#' ~[\n]* -> skip;
BLANK: [ \t]+ -> skip;
/// Anything else; reported by parse_tokens.cpp.
OTHER: .;
