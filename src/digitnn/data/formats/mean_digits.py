"""The mean image of each of MNIST's digits, 14 x 14 pixels, for `orientation`.

Written by `python -m benchmarks.docs.mean_digits` from the 60,000 training images: the mean of each
class, averaged over 2 x 2 pixels, as uint8 (10, 14, 14), packed with zlib and base 85. MNIST is by
Yann LeCun, Corinna Cortes and Christopher J.C. Burges, CC BY-SA 3.0.
"""

MEAN_DIGITS = (
    "c-oy+*;7+j9L~90F4+lL2qYmuLP&rRA_N3P3?vxYj0lWSw!i?9Eg+~MpoC2*0fI#bg$`?l4y_$)>r1Ehq3v6J>Oau`r1zY"
    "AgAW~NGCfcCn{$5q_x&!9_um6B3;^zvR26pyyn2cSy2h{Ge>m;d!CRoHjhw89_O@LlgQ!cPgRx?pf3HWtAX&%$j7==_ZjV"
    "YCl)kigT}&i2Zudfzzq6V}iwkDgy)=WIJ6kTRXLhGQ4P#L1^t*3f93Kqjz$+f@c<}mcsXm2blfh`2Ttot1YzKUL2uOWdxl"
    "KWEh_(+0E7eg%<wu@4;x5X)^4qvFY6*yzf4szn7s2}9DHl$0^LIz`D8giQCl8bu;QVKHFZs1xqL|3m&|aHNa8EHxAQa#+<"
    "xh$f>UbJs&BWHmnee1XgR&tF)#J+>TVqZkMEsOOx9i5})HMl2ghZ)UIYy>Rgi$9Z-{WB`AI2wC4&S}awHAYrNe(F8!Hu)?"
    "aBF^w81RU!z{cU(-s<?Bq67wI_V1pAgMGce91-J0Y;jjP%|@eEf^qbK2gEQ5fZ;gT79K7!R|kd~vXB!Xwso!TpPvMC`3R*"
    "suatL%?>lJJc0qhb!}`~4$v8Wq^no|OAKg-5ED19Gk3;K|c4&w3h4N&5PS4ZpGT0V%x<RSP9a~0-Z>sUPbuH|U<-nJ?$~A"
    "rRW;b9HqHJ)X#%$3^h*-%KWfMU2i`OJdU~0H1wZLx3ufLiK<v}J^`n{%_iE0hJqb)<z#oECyOJP7Ds(LwNFWq0ug+v32o*"
    "xgN9(>%qEN5N<S=Gec$`3#Hn}o1HGCnEYGd<yyvbAIUBzIR+wwR?1CP=?pU165s9Cf8?ty&zTA^?a^4C5=(?aoV<B-Cu$P"
    "&2-;Fxl<aVUWlrqw{0_+wS}%2H~2f&6zrfUM_<55r*OO$lcm3Haebob8=#^w=Ru_PAR26!{+H~vr8b7U9zQSdIRlwQi!D2"
    "2Lk;MAKf-0k&&h^79;a577<HqQl6Tjm3*!Q06vinkP@Av$RcBF$Hl3hKwp^(SprgBa(CRLVZ{OjnQc#+lH({A$z5{~bM;0"
    "o3W#aDUv$<C4%MQG;g--&F!F49*bxWo%iTC!n(ke`#}dXk_u+VB|D{jK($)3q&tIR_sG^-$nv4ll%<SQPzP#w-;VaEW*W8"
    "u)8VX6eCUpAlr(X_z3g(_psS1v_Hb+ix!hYh?jLRmeIkKHcA-jY`sm%9wl-)NtEtcChk6coMW2>@he;~R)fx!MCR4&7~67"
    ";_N9ofR@e#!E+Rv6+~#3Mv1jY5FOB5*Pxul`n%2C)FdWputge;sa2gUlk-Hx@(9?Q?y0C;=kbH{V}5vf7w}gexm~^lJB{&"
    "m=(I<);n*@o_m%iu4GC1uNe_zw3~rv~gWmxX<5P#zvrWM&|nNjkprg|A<KIc=dL-+sbi?Qe``>ivKeeKu~0KO=04^!RO02"
    ")M(O})U|cI5}87KiO09jtd-<UZ5Bhi08!amZ=wJFwv|Ll7tSuuAN)0>M0RA7yQ4GwZ3UYdBh;kA$5XjnvzdRYH`r|E5H7J"
    "b-SHSjtlmjQUPY-x7k!CQG@n9U`4_080Ga"
)
